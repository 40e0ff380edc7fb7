-- A worker gives a task back, to be taken up again after a while; one that is cancelled meanwhile ends. streaQ's
-- own message is seen to by streaQ.
-- ARGV: id, fence, token, delay ms, whether the try is not counted (1), what went wrong, attempts sent, keep ms,
-- keep dead, and how a task ends that is cancelled.
local id, fence, token, delay = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local now = clock_ms()
local key = task_key(id)
local f = redis.call('HMGET', key, 'state', 'fence', 'token', 'priority', 'submitted_ms', 'tries', 'deadline_ms',
  'cancel')
local mine = holds({ fence = f[2], token = f[3] }, fence, token)

if f[1] == 'pending' and mine then return { 'done' } end
if is_final(f[1]) and mine then return { 'ended' } end
if f[1] ~= 'processing' or not mine then
  count('returns_refused')
  return { 'refused' }
end
if f[8] then
  redis.call('HINCRBY', key, 'attempts', ARGV[7])
  finish(id, 'failed', ARGV[10], now, tonumber(ARGV[8]), false, tonumber(ARGV[9]))
  return { 'ended' }
end
local tries = tonumber(f[6])
if ARGV[5] == '1' then tries = redis.call('HINCRBY', key, 'tries', -1) end
redis.call('HINCRBY', key, 'returns', 1)
redis.call('HINCRBY', key, 'attempts', ARGV[7])
redis.call('HSET', key, 'state', 'pending', 'not_before_ms', now + delay, 'last_error', ARGV[6])
redis.call('ZREM', P .. 'processing', id)
redis.call('ZADD', P .. 'pending:' .. f[4], f[5], id)
watch_deadline(id, tonumber(f[7]))
count('returned')
tell(id, 'pending', now, tries)
return { 'done' }
