-- Tasks whose deadline passes while they wait end then. ARGV: document, most at once, keep ms, keep dead; returns
-- how many.
local now = clock_ms()
local ids = redis.call('ZRANGEBYSCORE', P .. 'deadlines', 0, now, 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  local state = redis.call('HGET', task_key(id), 'state')
  if state == 'pending' then
    finish(id, 'failed', ARGV[1], now, tonumber(ARGV[3]), false, tonumber(ARGV[4]))
    count('expired')
  else
    redis.call('ZREM', P .. 'deadlines', id)
  end
end
return #ids
