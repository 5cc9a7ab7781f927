-- Ends a claim, unless there has been another since.
-- KEYS those of a session. ARGV 1 the fence, 2 lifetime ms, 3 ms for which deliveries are kept.
-- Answers ok.
local state = KEYS[1]
local row, refused = position(state)
if refused then return refused end
if row.fence == ARGV[1] then
  redis.call('HDEL', state, 'owner', 'fence')
  used(row, KEYS, ARGV[2], ARGV[3], false)
end
return {'ok'}
