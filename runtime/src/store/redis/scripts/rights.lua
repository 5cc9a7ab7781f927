-- Which commands the user may not run, of those that the scripts run and of those that are sent by themselves. The server
-- asks again at each of them; in the middle of a script its refusal would come too late, since what was written before is
-- not undone, and of those that are sent by themselves some are first needed when something happens.
-- ARGV 1 a key like those of a session.
-- Answers their names.
local commands = {
  {'DEL'}, {'EXISTS'}, {'GET'}, {'HDEL', 'f'}, {'HEXISTS', 'f'}, {'HGET', 'f'}, {'HGETALL'},
  {'HINCRBY', 'f', '1'}, {'HLEN'}, {'HMGET', 'f'}, {'HSCAN', '0'}, {'HSET', 'f', 'v'},
  {'LLEN'}, {'LPOP', '1'}, {'LPOS', 'v'}, {'MGET'}, {'PERSIST'}, {'PEXPIRE', '1'}, {'PEXPIREAT', '1'}, {'PEXPIRETIME'}, {'PTTL'},
  {'RPUSH', 'v'}, {'SET', 'v'}, {'TYPE'},
  {'XADD', '*', 'f', 'v'}, {'XDEL', '1'}, {'XLEN'}, {'XRANGE', '-', '+'}, {'XTRIM', 'MAXLEN', '1'},
  {'ZADD', '1', 'm'}, {'ZCARD'}, {'ZLEXCOUNT', '-', '+'}, {'ZRANGE', '0', '0'}, {'ZRANGEBYLEX', '-', '+'}, {'ZREM', 'm'},
}
local missing = {}
for _, command in ipairs(commands) do
  local name = table.remove(command, 1)
  if not redis.acl_check_cmd(name, ARGV[1], unpack(command)) then missing[#missing + 1] = name end
end
return missing
