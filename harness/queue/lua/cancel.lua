-- ARGV: id, document, keep ms, keep dead. A task that runs is ended by its worker.
local id = ARGV[1]
local now = clock_ms()
local f = redis.call('HMGET', task_key(id), 'state', 'priority')
if not f[1] then return 'unknown' end
if is_final(f[1]) then return 'ended' end
count('cancelled')
local held_until = tonumber(redis.call('ZSCORE', P .. 'processing', id) or 0)
if f[1] == 'pending' or held_until <= now then
  -- One that is to come later has no message: streaQ will not come to it and forget what it keeps.
  if redis.call('ZREM', S .. 'queues:delayed:' .. f[2], id) == 1 then
    redis.call('DEL', S .. 'task:data:' .. id, S .. 'task:retry:' .. id)
  end
  finish(id, 'failed', ARGV[2], now, tonumber(ARGV[3]), false, tonumber(ARGV[4]))
  return 'cancelled'
end
redis.call('HSET', task_key(id), 'cancel', 1)
redis.call('SADD', S .. 'aborted', id)
return 'asked'
