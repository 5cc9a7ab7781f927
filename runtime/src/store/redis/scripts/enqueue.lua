-- Stores a message for delivery, once per `biz_id`.
-- KEYS state, log, in, waits, due, done, aged.
-- ARGV 1 now ms, 2 `biz_id`, 3 message, 4 expires ms, 5 items that an inbox holds, 6 ms for which deliveries are kept,
--      7 lifetime ms.
-- Answers fresh, waiting or full with how many items expired; or delivered, that, and the sequence id.
local state, _, inbox, waits, due, done = unpack(KEYS)
local wrong = stranger(state, 'hash', inbox, 'stream', waits, 'hash', due, 'zset', done, 'hash')
if wrong then return wrong end
local row, refused = position(state)
if refused then return refused end
local now, biz_id, expires = ARGV[1], ARGV[2], ARGV[4]
local expired = expire(inbox, waits, due, overdue(due, now))
local function answer(word, ...)
  used(row, KEYS, ARGV[7], ARGV[6], true)
  return {word, expired, ...}
end
local delivered = redis.call('HGET', done, biz_id)
if delivered and now - string.sub(delivered, 21) <= tonumber(ARGV[6]) then
  return answer('delivered', string.sub(delivered, 1, 20))
end
if redis.call('HEXISTS', waits, biz_id) == 1 then return answer('waiting') end
if redis.call('HLEN', waits) >= tonumber(ARGV[5]) then return {'full', expired} end
-- The id says nothing but the order of arrival, so it may be the server's.
local place = redis.call('XADD', inbox, '*', 'b', biz_id, 'x', expires, 'm', ARGV[3])
redis.call('HSET', waits, biz_id, expires .. place)
redis.call('ZADD', due, 0, expires .. biz_id)
return answer('fresh')
