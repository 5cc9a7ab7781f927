-- Ends a claim, unless there has been another since.
-- KEYS state. ARGV 1 the fence.
-- Answers ok.
local state = KEYS[1]
local wrong = stranger(state, 'hash')
if wrong then return wrong end
local row, refused = position(state)
if refused then return refused end
if row.fence == ARGV[1] then redis.call('HDEL', state, 'owner', 'fence') end
return {'ok'}
