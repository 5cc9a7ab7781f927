-- Which of the commands that the scripts run the user may not run. The server asks again at each of them; in the middle of
-- a script its refusal would come too late, since what was written before is not undone.
-- ARGV 1 a key like those of a session.
-- Answers their names.
local commands = {
  {'DEL'}, {'EXISTS'}, {'GET'}, {'HDEL', 'f'}, {'HEXISTS', 'f'}, {'HGET', 'f'}, {'HLEN'}, {'HMGET', 'f'}, {'HSET', 'f', 'v'},
  {'LLEN'}, {'PERSIST'}, {'PEXPIRE', '1'}, {'PEXPIREAT', '1'}, {'PEXPIRETIME'}, {'PTTL'}, {'RPUSH', 'v'}, {'SET', 'v'}, {'TYPE'}, {'XADD', '*', 'f', 'v'}, {'XDEL', '1'}, {'XLEN'},
  {'XRANGE', '-', '+'}, {'XTRIM', 'MAXLEN', '1'}, {'ZADD', '1', 'm'}, {'ZCARD'}, {'ZRANGE', '0', '0'}, {'ZRANGEBYLEX', '-', '+'}, {'ZREM', 'm'},
}
local missing = {}
for _, command in ipairs(commands) do
  local name = table.remove(command, 1)
  if not redis.acl_check_cmd(name, ARGV[1], unpack(command)) then missing[#missing + 1] = name end
end
return missing
