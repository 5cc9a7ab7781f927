-- Looks what became of a message, and changes nothing.
-- KEYS state, log, in, waits, due, done, aged.
-- ARGV 1 now ms, 2 `biz_id`, 3 ms for which deliveries are kept, then the fields of the session's row.
-- Answers unknown or waiting, and the row; or delivered, that, the sequence id, and the entry while it is kept.
local state, log, _, waits, _, done = unpack(KEYS)
local wrong = stranger(log, 'stream', waits, 'hash', done, 'hash')
if wrong then return wrong end
local found, refused = position(state, unpack(ARGV, 4))
if not found then return refused end
local now, biz_id, row = ARGV[1], ARGV[2], found.more
local delivered = redis.call('HGET', done, biz_id)
if delivered and now - string.sub(delivered, 21) <= tonumber(ARGV[3]) then
  local seq = string.sub(delivered, 1, 20)
  -- No entry has 0.
  local at = tonumber(seq) > 0 and to_id(seq)
  local entry = at and redis.call('XRANGE', log, at, at)[1]
  -- Behind nil an answer ends: false is the nothing that is told.
  return {'delivered', row, seq, entry and entry[2][2] or false}
end
local waiting = redis.call('HGET', waits, biz_id)
if waiting and string.sub(waiting, 1, 20) > now then return {'waiting', row} end
return {'unknown', row}
