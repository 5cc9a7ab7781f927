-- Notes that a session is in use.
-- KEYS those of a session. ARGV 1 lifetime ms, 2 ms for which deliveries are kept.
-- Answers ok.
local state = KEYS[1]
local row, refused = position(state)
if refused then return refused end
used(row, KEYS, ARGV[1], ARGV[2], false)
return {'ok'}
