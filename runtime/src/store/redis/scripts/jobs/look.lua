-- Looks, and changes nothing.
-- ARGV 1 job and 2 session/id; or 1 dead, 2 the place that they are behind, or '', and 3 how many; or 1 depth.
-- Answers held, the job and its text, or lost; dead, and jobs without texts; or depth, when the oldest came or '', and pairs of
-- priority:state and how many.
if ARGV[1] == 'job' then
  local job = load(ARGV[2])
  return job and shown('held', job) or {'lost'}
end
if ARGV[1] == 'dead' then
  local from = ARGV[2] == '' and '-' or '(' .. ARGV[2]
  local answer = {'dead'}
  for _, at in ipairs(redis.call('ZRANGEBYLEX', DEAD, from, '+', 'LIMIT', 0, ARGV[3])) do
    answer[#answer + 1] = redis.call('HGET', JOB, string.sub(at, 21))
  end
  return answer
end
local oldest = redis.call('ZRANGE', PENDING, 0, 0)[1]
local answer = {'depth', oldest and digits(load(oldest).created_ms) or ''}
for _, value in ipairs(redis.call('HGETALL', COUNT)) do answer[#answer + 1] = value end
return answer
