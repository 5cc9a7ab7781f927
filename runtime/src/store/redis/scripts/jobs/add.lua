-- Adds a job, once per session and id.
-- ARGV 1 now ms, 2 the job as JSON without what is set here, 3 text, 4 jobs that may wait, 5 those of a session,
-- 6 ms for which ended ones are kept, 7 how many, 8 ms for which dead ones are kept, 9 how many, 10 how many are forgotten at once.
-- Answers fresh or known, the job and its text; or full and whose.
local now, job = tonumber(ARGV[1]), cjson.decode(ARGV[2])
forget(ENDED, now, tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[10]))
forget(DEAD, now, tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]))
local known = load(name(job))
if known then return shown('known', known) end
local refused = full(job.session, ARGV[4], ARGV[5])
if refused then return {'full', refused} end
job.arrival = redis.call('HINCRBY', COUNT, 'arrivals', 1)
job.due_ms = now + PATIENCE[job.priority]
local state = job.state
job.state = nil
enter(job, state)
redis.call('HSET', TEXT, name(job), ARGV[3])
wait(job, now)
return shown('fresh', job)
