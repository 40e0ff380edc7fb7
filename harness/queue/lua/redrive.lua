-- Dead letters are taken up again as if they were new, as many as there is room for. ARGV: most that may be there, streaQ's
-- data, ids; returns how many.
local now = clock_ms()
local room = tonumber(ARGV[1]) - depth()
local driven = 0
for i = 3, #ARGV do
  local id = ARGV[i]
  if driven < room and redis.call('ZREM', P .. 'dead', id) == 1 then
    local key = task_key(id)
    local f = redis.call('HMGET', key, 'priority', 'key', 'submitted_ms', 'deadline_ms')
    local deadline = tonumber(f[4])
    if deadline > 0 then deadline = now + deadline - tonumber(f[3]) end
    redis.call('HSET', key, 'state', 'pending', 'tries', 0, 'returns', 0, 'not_before_ms', 0,
      'deadline_ms', deadline, 'submitted_ms', now)
    redis.call('HDEL', key, 'result', 'finished_ms', 'cancel')
    redis.call('ZADD', P .. 'pending:' .. f[1], now, id)
    watch_deadline(id, deadline)
    enqueue(id, f[1], ARGV[2], now, now)
    count('redriven')
    tell(id, 'pending', now)
    driven = driven + 1
  end
end
return driven
