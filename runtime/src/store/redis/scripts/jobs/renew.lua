-- Lengthens a lease.
-- ARGV 1 now ms, 2 session/id, 3 token, 4 ms of the lease. Answers held, the job and its text; or lost.
local now, job = tonumber(ARGV[1]), claimed(ARGV[2], ARGV[3])
if not job then return {'lost'} end
job.lease_ms = now + tonumber(ARGV[4])
save(job)
arrange(job.session, now)
return shown('held', job)
