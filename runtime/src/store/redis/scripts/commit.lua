-- Makes one step of a session, or nothing.
-- KEYS state, log, in, waits, due, done, aged; and, where it is on this server, the session's part of the list of unfinished
-- replies.
-- ARGV 1 epoch, 2 now ms, 3 the head that the writer follows or '', 4 the mark of an unfinished reply: '' leaves it,
--      '-' clears it, else it is set, 5 '1' when 6 is the new state, 7 entries kept, 8 deliveries kept, 9 ms for which
--      these are kept, 10 the fence of the writer's claim or '', 11 the session, 12 lifetime ms, 13 count of entries, the
--      entries, then `biz_id` and place of each delivery.
-- Answers ok, the head, how many items expired, the mark that was cleared and is listed still or ''.
--
-- Most steps append one entry to a session that nothing waits for. So a key's type is not asked for where the first command
-- on it tells, and comes before the first write or is it.
local state, log, inbox, waits, due, done, aged, list = unpack(KEYS)
local now, log_limit, done_limit, kept_ms = ARGV[2], tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local count, behind = tonumber(ARGV[13]), 13
local delivers = #ARGV > behind + count
local wrong, late
if delivers then
  wrong = stranger(state, 'hash', log, 'stream', inbox, 'stream', waits, 'hash', due, 'zset', done, 'hash', aged, 'zset')
else
  late = overdue(due, now)
  if late.err then
    wrong = wronged(late, due, 'zset')
  elseif #late > 0 then
    wrong = stranger(inbox, 'stream', waits, 'hash')
  end
end
if wrong then return wrong end
local row, refused = position(state)
if refused then return refused end
local ignorance = unknowing(row, ARGV[10], ARGV[1], ARGV[3])
if ignorance then return ignorance end
local first = plus(row.head, 1)
local head = count == 1 and first or plus(row.head, count)
if not first or not head then return {'exhausted'} end

-- What is listed without a mark, because the entries are refused, is struck off by whoever looks.
local marks = ARGV[4] ~= '' and ARGV[4] ~= '-'
if marks and list then
  local listed = redis.pcall('HSET', list, ARGV[11], ARGV[4])
  if type(listed) == 'table' and listed.err then return wronged(listed, list, 'hash') end
end
-- The stream itself refuses an id that is not behind its last: then nothing has been written yet.
for n = 1, count do
  local seq = n == 1 and first or plus(row.head, n)
  local added = redis.pcall('XADD', log, to_id(seq), 'e', ARGV[behind + n])
  if type(added) == 'table' and added.err then return wronged(added, log, 'stream') end
end
local changed = {'head', head}
local excess = count > 0 and redis.call('XLEN', log) - log_limit or 0
if excess > 0 then
  local dropped = redis.call('XRANGE', log, '-', '+', 'COUNT', excess)
  redis.call('XTRIM', log, 'MAXLEN', log_limit)
  changed[3], changed[4] = 'floor', of_id(dropped[#dropped][1])
end

for at = behind + count + 1, #ARGV, 2 do
  local biz_id = ARGV[at]
  local seq = plus(row.head, tonumber(ARGV[at + 1]) + 1)
  if not seq or seq > head then seq = head end
  take(inbox, waits, due, biz_id)
  redis.call('HSET', done, biz_id, seq .. now)
  redis.call('ZADD', aged, now, biz_id)
end
if delivers then
  local ids = redis.call('ZCARD', aged)
  while ids > 0 do
    local oldest = redis.call('ZRANGE', aged, 0, 0, 'WITHSCORES')
    if now - oldest[2] <= kept_ms and ids <= done_limit then break end
    redis.call('ZREM', aged, oldest[1])
    redis.call('HDEL', done, oldest[1])
    ids = ids - 1
  end
  -- Gives back the memory of a session that nothing is delivered to any more. Twice the time, since what is forgotten
  -- is decided by the writer's clock and not by the server's.
  redis.call('PEXPIRE', done, 2 * kept_ms)
  redis.call('PEXPIRE', aged, 2 * kept_ms)
end
-- What this step delivers is none of it.
local expired = expire(inbox, waits, due, late or overdue(due, now))

local cleared = ''
if ARGV[4] == '-' and row.running ~= '' then
  cleared, row.running = row.running, ''
  redis.call('HDEL', state, 'running')
  if list then
    -- As it was listed, and no later listing. What cannot be read is found by whoever looks.
    if redis.pcall('HGET', list, ARGV[11]) == cleared then redis.call('HDEL', list, ARGV[11]) end
    cleared = ''
  end
elseif marks then
  changed[#changed + 1], changed[#changed + 2], row.running = 'running', ARGV[4], ARGV[4]
end
if ARGV[5] == '1' then
  changed[#changed + 1], changed[#changed + 2] = 'state', ARGV[6]
end
redis.call('HSET', state, unpack(changed))
used(row, KEYS, ARGV[12], ARGV[9], delivers or (count > 0 and excess == count - log_limit))
return {'ok', head, expired, cleared}
