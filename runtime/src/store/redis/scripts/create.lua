-- Creates a session at epoch 1 with an empty log.
-- KEYS those of a session. ARGV 1 role, 2 user, 3 created ms, 4 the server's line of copies, 5 lifetime ms, 6 ms for which
--      deliveries are kept.
-- Answers ok.
local state = KEYS[1]
local wrong = stranger(state, 'hash')
if wrong then return wrong end
local row, refused = position(state)
if row then return {'exists'} end
if refused[1] ~= 'missing' then return refused end
local zero = string.rep('0', 20)
redis.call('HSET', state, 'format', FORMAT, 'role', ARGV[1], 'user', ARGV[2], 'created', ARGV[3],
  'epoch', '1', 'head', zero, 'floor', zero, 'state', '', 'line', ARGV[4])
used({format = FORMAT, running = ''}, KEYS, ARGV[5], ARGV[6], true)
return {'ok'}
