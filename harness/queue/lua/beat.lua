-- A worker's sign of life. ARGV: worker, lease ms, then id and fence of each job; returns ids no longer its own.
local now = clock_ms()
local lease = tonumber(ARGV[2])
redis.call('ZADD', P .. 'workers', now + lease, ARGV[1])
redis.call('ZREMRANGEBYSCORE', P .. 'workers', 0, now)
local lost = {}
for i = 3, #ARGV, 2 do
  local f = redis.call('HMGET', task_key(ARGV[i]), 'state', 'fence')
  if f[1] == 'processing' and f[2] == ARGV[i + 1] then
    redis.call('ZADD', P .. 'processing', now + lease, ARGV[i])
  else
    lost[#lost + 1] = ARGV[i]
  end
end
return lost
