-- Ends a job that waits; of one that runs, notes that it is to be cancelled.
-- ARGV 1 now ms, 2 session/id. Answers ended where it waited, else held, the job and its text; or lost when it is
-- not known.
local now, job = tonumber(ARGV[1]), load(ARGV[2])
if not job then return {'lost'} end
if job.state == 'queued' or job.state == 'retrying' then
  redis.call('ZREM', LINE, in_line(job))
  finish(job, 'cancelled', now)
  return shown('ended', job)
elseif job.state == 'running' and not job.cancelling then
  job.cancelling = true
  save(job)
end
return shown('held', job)
