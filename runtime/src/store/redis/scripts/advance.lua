-- Begins a new epoch.
-- KEYS those of a session. ARGV 1 epoch, 2 the newest epoch that a client knows, 3 the least head, 4 the fence of the writer's
--      claim or '', 5 the head that the writer follows or '', 6 lifetime ms, 7 ms for which deliveries are kept.
-- Answers ok, the new epoch.
local state = KEYS[1]
local row, refused = position(state)
if refused then return refused end
local ignorance = unknowing(row, ARGV[4], ARGV[1], ARGV[5])
if ignorance then return ignorance end
local epoch = math.max(tonumber(row.epoch), tonumber(ARGV[2])) + 1
if epoch > 4294967295 then return {'exhausted'} end
local head = row.head
if ARGV[3] > head then head = ARGV[3] end
epoch = string.format('%.0f', epoch)
redis.call('HSET', state, 'epoch', epoch, 'head', head)
used(row, KEYS, ARGV[6], ARGV[7], false)
return {'ok', epoch}
