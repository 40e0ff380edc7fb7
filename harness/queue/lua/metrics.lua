-- The queue at one instant, in the order that records.py reads.
local now = clock_ms()
local depths, delayed, oldest = {}, 0, ''
for i, priority in ipairs(PRIORITIES) do
  local pending = P .. 'pending:' .. priority
  depths[i] = redis.call('ZCARD', pending)
  delayed = delayed + redis.call('ZCARD', S .. 'queues:delayed:' .. priority)
  local first = redis.call('ZRANGE', pending, 0, 0, 'WITHSCORES')[2]
  if first and (oldest == '' or tonumber(first) < tonumber(oldest)) then oldest = first end
end
local done, in_ms = completions(now)
return { tostring(now), depths, delayed, redis.call('ZCARD', P .. 'processing'), redis.call('ZCARD', P .. 'dead'),
  redis.call('ZCOUNT', P .. 'workers', now, '+inf'), oldest, done, in_ms,
  redis.call('HGET', P .. 'meta', 'closed') and 1 or 0, redis.call('HGETALL', P .. 'counts') }
