-- What every script begins with. A script is not undone when it fails in the middle, so each looks at everything that
-- may refuse it before its first write.
--
-- Sequence ids and expiries have 64 bits, Lua's numbers 53: they are strings of 20 digits, which compare as their
-- numbers do.

-- The layout of all keys of a session, in its field `format`. 2 has owners, fences and lifetimes, of which a release that
-- knows 1 alone takes no notice: so it must refuse what this one has written to.
local FORMAT = '2'
local EARLIER = '1'
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

-- A session's position, with the values of more fields behind it; or nil and the refusal.
local function position(state, ...)
  local row = redis.pcall('HMGET', state, 'format', 'epoch', 'head', 'floor', 'running', 'owner', 'fence', ...)
  if row.err then return nil, wronged(row, state, 'hash') end
  if not row[1] then
    if redis.call('EXISTS', state) == 1 then return nil, {'foreign', state, 'hash'} end
    return nil, {'missing'}
  end
  if row[1] ~= FORMAT and row[1] ~= EARLIER then return nil, {'format', row[1]} end
  return {format = row[1], epoch = row[2], head = row[3], floor = row[4], running = row[5] or '',
    owner = row[6] or '', fence = row[7] or '', more = {unpack(row, 8)}}
end

-- The refusal of a writer that does not know how the session stands; nil when it does. `fence` and `after` may be ''.
local function unknowing(row, fence, epoch, after)
  if row.fence ~= fence then return {'lost'} end
  if row.epoch ~= epoch then return {'fenced', row.epoch} end
  if after ~= '' and row.head ~= after then return {'moved', row.head} end
end

-- What was delivered may have had the session's end, where that was nearer than what is promised. Where the session has
-- a later one now, it is remembered for as long as if it had been delivered now: nobody knows any more when it was.
local function remembers(keys, left, memory)
  if left < 0 or left >= memory then return end
  for at = 6, 7 do redis.call('PEXPIRE', keys[at], memory) end
end

-- Ends every step of a session, whose `row` is as the step leaves it: it was used. `keys` are all of its keys in the order
-- state, log, in, waits, due, done, aged; `life` is for how many ms they stay, '0' for ever; `kept` how long deliveries are
-- remembered; `made` says whether the step may have made a key. An unfinished reply keeps its session for ever. The state ends first, and all at one moment.
local function used(row, keys, life, kept, made)
  local state = keys[1]
  if row.format ~= FORMAT then redis.call('HSET', state, 'format', FORMAT) end
  life = tonumber(life)
  local memory = 2 * kept
  local ends = life > 0 and row.running == ''
  local left = redis.call('PTTL', state)
  if not ends then
    if left >= 0 then
      for at = 1, 5 do redis.call('PERSIST', keys[at]) end
    end
    remembers(keys, left, memory)
    return
  end
  -- Written down once in a while, as it costs more than it says.
  local fresh = left <= life and left >= life - life / 64
  if fresh and not made then return end
  if not fresh then
    redis.call('PEXPIRE', state, life)
    if life >= memory then remembers(keys, left, memory) end
  end
  local till = redis.call('PEXPIRETIME', state)
  -- What was delivered goes on its own, before its session does where that lives longer.
  for at = 2, life < memory and 7 or 5 do
    local now = redis.call('PEXPIRETIME', keys[at])
    if now ~= -2 and now ~= till then redis.call('PEXPIREAT', keys[at], string.format('%.0f', till)) end
  end
end
