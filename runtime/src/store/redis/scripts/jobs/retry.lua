-- Puts a dead letter back into the queue.
-- ARGV 1 now ms, 2 session/id, 3 jobs that may wait, 4 those of a session.
-- Answers queued or other, the job and its text; full and whose; or lost when it is not known.
local now, job = tonumber(ARGV[1]), load(ARGV[2])
if not job then return {'lost'} end
if job.state ~= 'dead' then return shown('other', job) end
local refused = full(job.session, ARGV[3], ARGV[4])
if refused then return {'full', refused} end
redis.call('ZREM', DEAD, digits(job.updated_ms) .. name(job))
enter(job, 'queued')
job.updated_ms, job.attempts, job.not_before_ms, job.error, job.expires_ms = now, 0, 0, nil, nil
job.arrival = redis.call('HINCRBY', COUNT, 'arrivals', 1)
job.due_ms = now + PATIENCE[job.priority]
wait(job, now)
return shown('queued', job)
