-- Takes a session off the list of unfinished replies, unless it has been listed anew since.
-- KEYS the list's part. ARGV 1 session, 2 the mark with which it is listed.
-- Answers ok.
local wrong = stranger(KEYS[1], 'hash')
if wrong then return wrong end
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return {'ok'}
