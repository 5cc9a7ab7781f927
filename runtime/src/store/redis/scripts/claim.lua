-- Makes a process the owner of a session.
-- KEYS those of a session. ARGV 1 the process, 2 the fence, 3 from whom it may be taken or '', 4 lifetime ms, 5 ms for which
--      deliveries are kept, then the fields of a row.
-- Answers ok and the row; or owned, and who has it.
local state = KEYS[1]
local fields = {unpack(ARGV, 6)}
local row, refused = position(state, unpack(fields))
if refused then return refused end
if row.owner ~= '' and row.owner ~= ARGV[1] and row.owner ~= ARGV[3] then return {'owned', row.owner} end
redis.call('HSET', state, 'owner', ARGV[1], 'fence', ARGV[2])
used(row, KEYS, ARGV[4], ARGV[5], false)
for at, field in ipairs(fields) do
  if field == 'owner' then row.more[at] = ARGV[1] elseif field == 'fence' then row.more[at] = ARGV[2] end
end
return {'ok', row.more}
