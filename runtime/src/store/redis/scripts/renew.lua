-- Renews the lease of a node, or ends it.
-- KEYS lease. ARGV 1 the process, 2 for how many ms, '0' to end it, 3 '1' to take it from another process.
-- Answers held, lapsed, taken or foreign; and which process had or has it.
local lease = KEYS[1]
local wrong = stranger(lease, 'string')
if wrong then return wrong end
local has = redis.call('GET', lease)
if has and has ~= ARGV[1] and ARGV[3] ~= '1' then return {'foreign', has} end
if ARGV[2] == '0' then
  redis.call('DEL', lease)
else
  redis.call('SET', lease, ARGV[1], 'PX', ARGV[2])
end
if has and has ~= ARGV[1] then return {'taken', has} end
return {has and 'held' or 'lapsed'}
