-- What all scripts share. KEYS[1] begins our keys, KEYS[2] streaQ's: one server, no cluster.
local P, S = KEYS[1], KEYS[2]
local PRIORITIES = { 'high', 'normal', 'low' }
local WINDOW_MS = 60000
local MOST_MEMORY = 80

local function clock_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function task_key(id) return P .. 'task:' .. id end

local function count(name) redis.call('HINCRBY', P .. 'counts', name, 1) end

local function is_final(state) return state == 'completed' or state == 'failed' end

-- Tasks that were accepted and have not ended.
local function depth()
  local sum = redis.call('ZCARD', P .. 'processing')
  for _, priority in ipairs(PRIORITIES) do
    sum = sum + redis.call('ZCARD', P .. 'pending:' .. priority)
  end
  return sum
end

-- How many ended in the last minute, and how long that minute was: a new queue's is shorter.
local function completions(now)
  local since = tonumber(redis.call('HGET', P .. 'meta', 'first_ms') or now)
  return redis.call('ZCOUNT', P .. 'finished', now - WINDOW_MS, '+inf'), math.min(WINDOW_MS, now - since)
end

-- How much of the server's memory is used, in percent; 0 where it has no bound.
local function memory_used()
  local info = redis.call('INFO', 'memory')
  local most = tonumber(string.match(info, 'maxmemory:(%d+)'))
  if not most or most == 0 then return 0 end
  return math.floor(100 * tonumber(string.match(info, 'used_memory:(%d+)')) / most)
end

local function tell(id, state, now, tries)
  redis.call('PUBLISH', P .. 'changes', id .. ' ' .. state .. ' ' .. now .. ' ' .. (tries or 0))
end

-- To streaQ's queue, as its own publish_task does; again from its delayed tasks when their time has come.
local function enqueue(id, priority, data, now, at)
  redis.call('SET', S .. 'task:data:' .. id, data)
  if at > now then
    redis.call('ZADD', S .. 'queues:delayed:' .. priority, at, id)
  else
    redis.call('XADD', S .. 'queues:' .. priority, '*', 'task_id', id, 'enqueue_time', now)
  end
end

-- A task that ended is remembered for keep_ms; a dead letter until it is driven again or purged.
local function forget_after(id, key, keep_ms)
  redis.call('PEXPIRE', task_key(id), keep_ms)
  redis.call('PEXPIRE', P .. 'key:' .. key, keep_ms)
end

-- Tasks that wait and have a deadline, so that they end by it even when no worker comes to them.
local function watch_deadline(id, deadline)
  if deadline > 0 then redis.call('ZADD', P .. 'deadlines', deadline, id) end
end

-- The end of a task, once: nothing calls this for one that has ended.
local function finish(id, state, document, now, keep_ms, dead, keep_dead)
  local key = task_key(id)
  local task = redis.call('HMGET', key, 'priority', 'key', 'tries')
  redis.call('HSET', key, 'state', state, 'result', document, 'finished_ms', now)
  redis.call('ZREM', P .. 'pending:' .. task[1], id)
  redis.call('ZREM', P .. 'processing', id)
  redis.call('ZREM', P .. 'deadlines', id)
  redis.call('SREM', S .. 'aborted', id)
  redis.call('ZADD', P .. 'finished', now, id)
  redis.call('ZREMRANGEBYSCORE', P .. 'finished', 0, now - WINDOW_MS)
  if state == 'completed' then redis.call('HDEL', key, 'body') end
  count(state)
  if dead then
    redis.call('ZADD', P .. 'dead', now, id)
    count('dead')
    local beyond = redis.call('ZCARD', P .. 'dead') - keep_dead
    if beyond > 0 then
      for _, old in ipairs(redis.call('ZRANGE', P .. 'dead', 0, beyond - 1)) do
        redis.call('ZREM', P .. 'dead', old)
        forget_after(old, redis.call('HGET', task_key(old), 'key') or '', keep_ms)
        count('dead_forgotten')
      end
    end
  else
    forget_after(id, task[2], keep_ms)
  end
  tell(id, state, now, task[3])
end

-- Whether this try of a worker is the one the task is held by. A repeated call of a reply that was lost is.
local function holds(task, fence, token) return task.fence == fence and task.token == token end
