-- Accept a task, or say why not. ARGV: id, key, format, body, priority, delay ms, deadline ms (0: none),
-- most that may be there, streaQ's data.
local id, key, format, body, priority = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local delay, deadline, limit, data = tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8]), ARGV[9]
local now = clock_ms()

local known = redis.call('GET', P .. 'key:' .. key)
if known then
  if known ~= id then count('repeated') end
  return { 'known', known }
end
if redis.call('HGET', P .. 'meta', 'closed') then
  count('refused')
  return { 'closed' }
end
local waiting = depth()
if waiting >= limit then
  count('refused')
  local done, in_ms = completions(now)
  return { 'full', waiting, done, in_ms }
end

-- What was accepted needs room to be worked off: a server that is full to the brim could not even do that.
local used = memory_used()
if used >= MOST_MEMORY then
  pcall(count, 'refused')
  return { 'memory', used }
end

redis.call('HSETNX', P .. 'meta', 'first_ms', now)
redis.call('HSET', task_key(id), 'v', format, 'body', body, 'state', 'pending', 'key', key, 'priority', priority,
  'submitted_ms', now, 'not_before_ms', delay > 0 and now + delay or 0,
  'deadline_ms', deadline > 0 and now + deadline or 0, 'fence', 0, 'tries', 0, 'returns', 0, 'attempts', 0)
redis.call('SET', P .. 'key:' .. key, id)
redis.call('ZADD', P .. 'pending:' .. priority, now, id)
watch_deadline(id, deadline > 0 and now + deadline or 0)
enqueue(id, priority, data, now, now + delay)
count('submitted')
tell(id, 'pending', now)
return { 'accepted', id }
