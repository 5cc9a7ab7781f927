-- What every script begins with. A script is not undone when it fails in the middle, so each looks at everything that
-- may refuse it before its first write.
--
-- Sequence ids and expiries have 64 bits, Lua's numbers 53: they are strings of 20 digits, which compare as their
-- numbers do.

-- The layout of all keys of a session, in its field `format`.
local FORMAT = '1'
local LARGEST = '18446744073709551615'

-- A number of 20 digits and a small one; nil beyond 64 bits.
local function plus(number, more)
  local high, low = tonumber(string.sub(number, 1, 10)), tonumber(string.sub(number, 11)) + more
  local carry = math.floor(low / 1e10)
  local sum = string.format('%010.0f%010.0f', high + carry, low - carry * 1e10)
  if sum > LARGEST then return nil end
  return sum
end

-- The stream's id of a sequence id, and back.
local function to_id(number)
  return (string.gsub(number, '^0+', '')) .. '-0'
end

local function of_id(id)
  local digits = string.match(id, '^%d+')
  return string.rep('0', 20 - #digits) .. digits
end

-- The refusal of a key that holds what is not ours, of pairs of key and type; nil when there is none.
local function stranger(...)
  local expected = {...}
  for at = 1, #expected, 2 do
    local kind = redis.call('TYPE', expected[at]).ok
    if kind ~= 'none' and kind ~= expected[at + 1] then return {'foreign', expected[at], kind} end
  end
end

-- The refusal of a key at which a command failed; the command's error where it is not of another type.
local function wronged(failed, key, kind)
  return stranger(key, kind) or failed
end

-- A session's position; or nil and the refusal.
local function position(state)
  local row = redis.pcall('HMGET', state, 'format', 'epoch', 'head', 'floor', 'running', 'owner', 'fence')
  if row.err then return nil, wronged(row, state, 'hash') end
  if not row[1] then
    if redis.call('EXISTS', state) == 1 then return nil, {'foreign', state, 'hash'} end
    return nil, {'missing'}
  end
  if row[1] ~= FORMAT then return nil, {'format', row[1]} end
  return {epoch = row[2], head = row[3], floor = row[4], running = row[5] or '', owner = row[6] or '',
    fence = row[7] or ''}
end

-- The refusal of a writer that does not know how the session stands; nil when it does. `fence` and `after` may be ''.
local function unknowing(row, fence, epoch, after)
  if row.fence ~= fence then return {'lost'} end
  if row.epoch ~= epoch then return {'fenced', row.epoch} end
  if after ~= '' and row.head ~= after then return {'moved', row.head} end
end
