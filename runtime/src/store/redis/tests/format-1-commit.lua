#!lua
-- What every script begins with. A script is not undone when it fails in the middle, so each looks at everything that
-- may refuse it before its first write.
--
-- Sequence ids and expiries have 64 bits, Lua's numbers 53: they are strings of 20 digits, which compare as their
-- numbers do.

-- The layout of all keys of a session, in its field `format`.
local FORMAT = '1'
local LARGEST = '18446744073709551615'

-- A number of 20 digits and a small one; nil beyond 64 bits.
local function plus(number, more)
  local high, low = tonumber(string.sub(number, 1, 10)), tonumber(string.sub(number, 11)) + more
  local carry = math.floor(low / 1e10)
  local sum = string.format('%010.0f%010.0f', high + carry, low - carry * 1e10)
  if sum > LARGEST then return nil end
  return sum
end

-- The stream's id of a sequence id, and back.
local function to_id(number)
  return (string.gsub(number, '^0+', '')) .. '-0'
end

local function of_id(id)
  local digits = string.match(id, '^%d+')
  return string.rep('0', 20 - #digits) .. digits
end

-- The refusal of a key that holds what is not ours, of pairs of key and type; nil when there is none.
local function stranger(...)
  local expected = {...}
  for at = 1, #expected, 2 do
    local kind = redis.call('TYPE', expected[at]).ok
    if kind ~= 'none' and kind ~= expected[at + 1] then return {'foreign', expected[at], kind} end
  end
end

-- A session's position; or nil and the refusal.
local function position(state)
  local row = redis.call('HMGET', state, 'format', 'epoch', 'head', 'floor', 'running')
  if not row[1] then
    if redis.call('EXISTS', state) == 1 then return nil, {'foreign', state, 'hash'} end
    return nil, {'missing'}
  end
  if row[1] ~= FORMAT then return nil, {'format', row[1]} end
  return {epoch = row[2], head = row[3], floor = row[4], running = row[5] or ''}
end
-- What `commit` and `enqueue` share about the inbox. A waiting item is in three places: `in` has it in order of
-- arrival, `waits` knows its expiry and place by its `biz_id`, `due` has expiry and `biz_id` in order.

-- Takes an item out of the inbox.
local function take(inbox, waits, due, biz_id)
  local waiting = redis.call('HGET', waits, biz_id)
  if not waiting then return end
  redis.call('XDEL', inbox, string.sub(waiting, 21))
  redis.call('HDEL', waits, biz_id)
  redis.call('ZREM', due, string.sub(waiting, 1, 20) .. biz_id)
  -- An empty stream would stay, in every session that ever was posted to.
  if redis.call('HLEN', waits) == 0 then redis.call('DEL', inbox) end
end

-- Drops what nobody wants any more, and counts it.
local function expire(inbox, waits, due, now)
  local overdue = redis.call('ZRANGEBYLEX', due, '-', '[' .. now .. '\255')
  for _, member in ipairs(overdue) do
    take(inbox, waits, due, string.sub(member, 21))
  end
  return #overdue
end
-- Makes one step of a session, or nothing.
-- KEYS state, log, in, waits, due, done, aged.
-- ARGV 1 epoch, 2 now ms, 3 the head that the writer follows or '', 4 the mark of an unfinished reply: '' leaves it,
--      '-' clears it, else it is set, 5 '1' when 6 is the new state, 7 entries kept, 8 deliveries kept, 9 ms for which
--      these are kept, 10 count of entries, the entries, then `biz_id` and place of each delivery.
-- Answers ok, the head, how many items expired, the mark that was cleared or ''.
local state, log, inbox, waits, due, done, aged = unpack(KEYS)
local wrong = stranger(state, 'hash', log, 'stream', inbox, 'stream', waits, 'hash', due, 'zset', done, 'hash', aged, 'zset')
if wrong then return wrong end
local row, refused = position(state)
if refused then return refused end
if row.epoch ~= ARGV[1] then return {'fenced', row.epoch} end
if ARGV[3] ~= '' and row.head ~= ARGV[3] then return {'moved', row.head} end
local now, log_limit, done_limit, kept_ms = ARGV[2], tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local count, behind = tonumber(ARGV[10]), 10
local head = plus(row.head, count)
if not head or not plus(row.head, 1) then return {'exhausted'} end

-- The stream itself refuses an id that is not behind its last: then nothing has been written yet.
for n = 1, count do
  redis.call('XADD', log, to_id(plus(row.head, n)), 'e', ARGV[behind + n])
end
local changed = {'head', head}
local excess = count > 0 and redis.call('XLEN', log) - log_limit or 0
if excess > 0 then
  local dropped = redis.call('XRANGE', log, '-', '+', 'COUNT', excess)
  redis.call('XTRIM', log, 'MAXLEN', log_limit)
  changed[3], changed[4] = 'floor', of_id(dropped[#dropped][1])
end

local delivers = false
for at = behind + count + 1, #ARGV, 2 do
  local biz_id = ARGV[at]
  local seq = plus(row.head, tonumber(ARGV[at + 1]) + 1)
  if not seq or seq > head then seq = head end
  take(inbox, waits, due, biz_id)
  redis.call('HSET', done, biz_id, seq .. now)
  redis.call('ZADD', aged, now, biz_id)
  delivers = true
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
local expired = expire(inbox, waits, due, now)

local cleared = ''
if ARGV[4] == '-' then
  cleared = row.running
  redis.call('HDEL', state, 'running')
elseif ARGV[4] ~= '' then
  changed[#changed + 1], changed[#changed + 2] = 'running', ARGV[4]
end
if ARGV[5] == '1' then
  changed[#changed + 1], changed[#changed + 2] = 'state', ARGV[6]
end
redis.call('HSET', state, unpack(changed))
return {'ok', head, expired, cleared}
