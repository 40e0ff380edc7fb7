-- A worker takes a task up. ARGV: id, worker, token, lease ms, newest format known, most tries, keep ms,
-- keep dead, and how a task ends that is expired, lost or cancelled.
local id, worker, token = ARGV[1], ARGV[2], ARGV[3]
local lease, known, most = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local keep, keep_dead = tonumber(ARGV[7]), tonumber(ARGV[8])
local now = clock_ms()
local key = task_key(id)
local f = redis.call('HMGET', key, 'v', 'state', 'fence', 'tries', 'token', 'deadline_ms', 'not_before_ms',
  'cancel', 'priority', 'body', 'key', 'submitted_ms', 'returns', 'attempts')
local state, tries, deadline, not_before = f[2], tonumber(f[4]), tonumber(f[6]), tonumber(f[7])

if not state then return { 'unknown' } end
if tonumber(f[1]) > known then return { 'newer', f[1] } end
if is_final(state) then return { 'ended' } end

local again = state == 'processing' and f[5] == token
if not again then
  if state == 'processing' then
    local until_ms = tonumber(redis.call('ZSCORE', P .. 'processing', id) or 0)
    if until_ms > now then return { 'held', until_ms - now } end
    count('reclaimed')
  end
  if f[8] then
    finish(id, 'failed', ARGV[11], now, keep, false, keep_dead)
    return { 'ended' }
  end
  if deadline > 0 and now >= deadline then
    finish(id, 'failed', ARGV[9], now, keep, false, keep_dead)
    count('expired')
    return { 'ended' }
  end
  if state == 'pending' and not_before > now then return { 'early', not_before - now } end
  if tries >= most then
    finish(id, 'failed', ARGV[10], now, keep, true, keep_dead)
    return { 'ended' }
  end
  redis.call('HINCRBY', key, 'fence', 1)
  tries = redis.call('HINCRBY', key, 'tries', 1)
  redis.call('HSET', key, 'state', 'processing', 'token', token, 'worker', worker, 'started_ms', now)
  redis.call('ZREM', P .. 'pending:' .. f[9], id)
  redis.call('ZREM', P .. 'deadlines', id)
  tell(id, 'processing', now, tries)
end
redis.call('ZADD', P .. 'processing', now + lease, id)
return { 'taken', tonumber(redis.call('HGET', key, 'fence')), tries, deadline > 0 and deadline - now or 0, f[10],
  f[11], tonumber(f[13]), tonumber(f[14]) }
