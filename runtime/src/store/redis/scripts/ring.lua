-- Tells a process something, if it lives.
-- KEYS lease, bell. ARGV 1 the process, 2 what it is told, 3 how much may wait, 4 what stands for all that is more,
--      5 for how many ms it is kept.
-- Answers told or dead.
local lease, bell = KEYS[1], KEYS[2]
local wrong = stranger(lease, 'string', bell, 'list')
if wrong then return wrong end
if redis.call('GET', lease) ~= ARGV[1] then return {'dead'} end
if redis.call('LLEN', bell) >= tonumber(ARGV[3]) then
  redis.call('DEL', bell)
  redis.call('RPUSH', bell, ARGV[4])
end
redis.call('RPUSH', bell, ARGV[2])
redis.call('PEXPIRE', bell, ARGV[5])
return {'told'}
