-- What `commit` and `enqueue` share about the inbox. A waiting item is in three places: `in` has it in order of
-- arrival, `waits` knows its expiry and place by its `biz_id`, `due` has expiry and `biz_id` in order.

-- Takes an item out of the inbox.
local function take(inbox, waits, due, biz_id)
  local waiting = redis.call('HGET', waits, biz_id)
  if not waiting then return end
  redis.call('XDEL', inbox, string.sub(waiting, 21))
  redis.call('HDEL', waits, biz_id)
  redis.call('ZREM', due, string.sub(waiting, 1, 20) .. biz_id)
  -- An empty stream would stay, in every session that ever was posted to.
  if redis.call('HLEN', waits) == 0 then redis.call('DEL', inbox) end
end

-- What nobody wants any more, or the error.
local function overdue(due, now)
  return redis.pcall('ZRANGEBYLEX', due, '-', '[' .. now .. '\255')
end

-- Drops it, and counts it.
local function expire(inbox, waits, due, late)
  for _, member in ipairs(late) do
    take(inbox, waits, due, string.sub(member, 21))
  end
  return #late
end
