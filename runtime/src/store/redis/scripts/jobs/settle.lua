-- Says what became of a job that was taken.
-- ARGV 1 now ms, 2 session/id, 3 token, 4 done, cancelled, failed, dead or back, 5 ms before the next attempt,
-- 6 the error as JSON, or '', 7 where a reply ends or ''. Answers held, the job and its text; or lost.
local now, job, how = tonumber(ARGV[1]), claimed(ARGV[2], ARGV[3]), ARGV[4]
if not job then return {'lost'} end
-- An earlier taker may have begun it: it stays running, and nobody has it.
if how == 'back' and job.interruptions then
  job.token, job.lease_ms = nil, now + tonumber(ARGV[5])
  save(job)
  arrange(job.session, now)
  return shown('held', job)
end
job.interruptions = nil
redis.call('HDEL', TAKEN, job.session)
if how == 'failed' or how == 'dead' then
  job.attempts = job.attempts + 1
  job.error = cjson.decode(ARGV[6])
end
if how == 'done' and ARGV[7] ~= '' then job.reply = ARGV[7] end
local state = how
if how == 'failed' then
  state = job.attempts >= job.max_attempts and 'dead' or 'retrying'
elseif how == 'back' then
  state = job.attempts == 0 and 'queued' or 'retrying'
end
if job.cancelling and state ~= 'done' then state = 'cancelled' end
if state == 'queued' or state == 'retrying' then
  enter(job, state)
  job.updated_ms, job.token, job.lease_ms = now, nil, nil
  job.not_before_ms = now + tonumber(ARGV[5])
  wait(job, now)
else
  finish(job, state, now)
end
return shown('held', job)
