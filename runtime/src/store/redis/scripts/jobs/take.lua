-- Takes what is to be tried now: first what lapsed, then what is due first. What is past its time expires on the way.
-- ARGV 1 now ms, 2 token, 3 ms of the lease, 4 how many are passed over at once.
-- Answers taken, the job and its text; or nothing.
local now, most = tonumber(ARGV[1]), tonumber(ARGV[4])
local function due(set)
  local at = redis.call('ZRANGEBYLEX', set, '-', '+', 'LIMIT', 0, 1)[1]
  return at and tonumber(string.sub(at, 1, 20)) <= now and string.sub(at, -SESSION)
end
for _ = 1, most do
  local session = due(LATER)
  if not session then break end
  arrange(session, now)
end
for _ = 1, most do
  local session, lapsed = due(LAPSES), true
  if not session then
    local at = redis.call('ZRANGEBYLEX', READY, '-', '+', 'LIMIT', 0, 1)[1]
    if not at then return {'nothing'} end
    session, lapsed = string.sub(at, -SESSION), false
  end
  local job
  if lapsed then
    job = load(session .. '/' .. redis.call('HGET', TAKEN, session))
  else
    job = first(session)
    redis.call('ZREM', LINE, in_line(job))
  end
  if not lapsed and job.expires_ms and job.expires_ms <= now then
    finish(job, 'expired', now)
  else
    if not lapsed then
      enter(job, 'running')
      job.updated_ms = now
    elseif job.token then
      job.interruptions = (job.interruptions or 0) + 1
    end
    job.token, job.lease_ms = ARGV[2], now + tonumber(ARGV[3])
    redis.call('HSET', TAKEN, session, job.id)
    save(job)
    arrange(session, now)
    return shown('taken', job)
  end
end
return {'nothing'}
