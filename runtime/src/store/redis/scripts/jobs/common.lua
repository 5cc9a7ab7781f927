-- What every script of the inference queue begins with, behind common.lua. The rules are those of `store/jobs/queue.rs`.
--
-- KEYS, all of one slot:
--   JOB     hash   session/id -> the job as JSON, without its text
--   TEXT    hash   session/id -> what is asked
--   LINE    zset   session:due:arrival:id of jobs that wait, by name: those of a session are together, first due first
--   TAKEN   hash   session -> the id of its job that was taken
--   PLACE   hash   session -> where it is in the next three: its letter, and its name there
--   LAPSES  zset   end of the lease, session; by name
--   READY   zset   due, arrival, session; by name
--   LATER   zset   when, session; by name
--   PENDING zset   session/id of jobs that are not over, by arrival
--   DEAD    zset   when, session/id of dead letters; by name
--   ENDED   zset   when, session/id of jobs that are done, cancelled or expired; by name
--   COUNT   hash   priority:state -> how many; arrivals -> how many ever came
--
-- Times have 13 digits, which Lua's numbers and JSON hold exactly; in names they are 20 digits long.
local JOB, TEXT, LINE, TAKEN, PLACE, LAPSES, READY, LATER, PENDING, DEAD, ENDED, COUNT = unpack(KEYS)
local wrong = stranger(JOB, 'hash', TEXT, 'hash', LINE, 'zset', TAKEN, 'hash', PLACE, 'hash', LAPSES, 'zset', READY, 'zset',
  LATER, 'zset', PENDING, 'zset', DEAD, 'zset', ENDED, 'zset', COUNT, 'hash')
if wrong then return wrong end
local SETS = {t = LAPSES, r = READY, l = LATER}
local SESSION = 28
local PATIENCE = {high = 0, normal = 60000, low = 600000}

local function digits(number)
  return string.format('%020.0f', number)
end

local function name(job)
  return job.session .. '/' .. job.id
end

local function load(which)
  local json = redis.call('HGET', JOB, which)
  return json and cjson.decode(json)
end

local function save(job)
  redis.call('HSET', JOB, name(job), cjson.encode(job))
end

local function enter(job, state)
  if job.state then redis.call('HINCRBY', COUNT, job.priority .. ':' .. job.state, -1) end
  job.state = state
  redis.call('HINCRBY', COUNT, job.priority .. ':' .. state, 1)
end

-- The job as it is answered: JSON, and the text.
local function shown(word, job)
  return {word, cjson.encode(job), redis.call('HGET', TEXT, name(job)) or ''}
end

local function in_line(job)
  return job.session .. ':' .. digits(job.due_ms) .. ':' .. digits(job.arrival) .. ':' .. job.id
end

-- The job of a session that is due first.
local function first(session)
  local found = redis.call('ZRANGEBYLEX', LINE, '[' .. session .. ':', '(' .. session .. ';', 'LIMIT', 0, 1)[1]
  return found and load(session .. '/' .. string.sub(found, SESSION + 44))
end

-- Puts a session where it belongs.
local function arrange(session, now)
  local place = redis.call('HGET', PLACE, session)
  if place then redis.call('ZREM', SETS[string.sub(place, 1, 1)], string.sub(place, 2)) end
  local taken = redis.call('HGET', TAKEN, session)
  local job = taken and load(session .. '/' .. taken) or not taken and first(session)
  if not job then
    redis.call('HDEL', PLACE, session)
    return
  end
  local letter, at = 'r', digits(job.due_ms) .. digits(job.arrival)
  if taken then
    letter, at = 't', digits(job.lease_ms)
  elseif job.not_before_ms > now then
    letter, at = 'l', digits(job.not_before_ms)
  end
  redis.call('ZADD', SETS[letter], 0, at .. session)
  redis.call('HSET', PLACE, session, letter .. at .. session)
end

-- Which queue is full, if any.
local function full(session, all, each)
  local mine = redis.call('ZLEXCOUNT', LINE, '[' .. session .. ':', '(' .. session .. ';')
  if mine + redis.call('HEXISTS', TAKEN, session) >= tonumber(each) then return 'session' end
  if redis.call('ZCARD', PENDING) >= tonumber(all) then return 'all' end
end

-- Puts a job in its place among those that wait.
local function wait(job, now)
  redis.call('ZADD', LINE, 0, in_line(job))
  redis.call('ZADD', PENDING, job.arrival, name(job))
  save(job)
  arrange(job.session, now)
end

-- Nothing happens any more to a job, which is out of its line already.
local function finish(job, state, now)
  enter(job, state)
  job.updated_ms, job.cancelling, job.token, job.lease_ms = now, nil, nil, nil
  redis.call('ZREM', PENDING, name(job))
  redis.call('ZADD', state == 'dead' and DEAD or ENDED, 0, digits(now) .. name(job))
  if state ~= 'dead' then redis.call('HDEL', TEXT, name(job)) end
  save(job)
  arrange(job.session, now)
end

-- Forgets what is in a set longer than `keeps` ms, or too much, at most `most` of it.
local function forget(set, now, keeps, limit, most)
  for _ = 1, most do
    local oldest = redis.call('ZRANGEBYLEX', set, '-', '+', 'LIMIT', 0, 1)[1]
    if not oldest then return end
    if now - tonumber(string.sub(oldest, 1, 20)) <= keeps and redis.call('ZCARD', set) <= limit then return end
    local which = string.sub(oldest, 21)
    local job = load(which)
    if job then redis.call('HINCRBY', COUNT, job.priority .. ':' .. job.state, -1) end
    redis.call('HDEL', JOB, which)
    redis.call('HDEL', TEXT, which)
    redis.call('ZREM', set, oldest)
  end
end

-- The job that this token has taken.
local function claimed(which, token)
  local job = load(which)
  return job and job.token == token and job
end
