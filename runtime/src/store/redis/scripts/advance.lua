-- Begins a new epoch.
-- KEYS state. ARGV 1 epoch, 2 the newest epoch that a client knows, 3 the least head.
-- Answers ok, the new epoch.
local state = KEYS[1]
local wrong = stranger(state, 'hash')
if wrong then return wrong end
local row, refused = position(state)
if refused then return refused end
if row.epoch ~= ARGV[1] then return {'fenced', row.epoch} end
local epoch = math.max(tonumber(row.epoch), tonumber(ARGV[2])) + 1
if epoch > 4294967295 then return {'exhausted'} end
local head = row.head
if ARGV[3] > head then head = ARGV[3] end
epoch = string.format('%.0f', epoch)
redis.call('HSET', state, 'epoch', epoch, 'head', head)
return {'ok', epoch}
