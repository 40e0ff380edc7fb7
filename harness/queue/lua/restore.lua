-- streaQ will not run what a message stands for: a task that has ended, as a rule, and was handed out twice. If
-- it has not, it gets a new message, for a while later. ARGV: id, streaQ's data, its group, its priority, the message's id.
local id = ARGV[1]
local f = redis.call('HMGET', task_key(id), 'state', 'priority')
if not f[1] then return 'unknown' end
local stream = S .. 'queues:' .. ARGV[4]
redis.call('XACK', stream, ARGV[3], ARGV[5])
redis.call('XDEL', stream, ARGV[5])
if is_final(f[1]) then
  redis.call('DEL', S .. 'task:data:' .. id, S .. 'task:retry:' .. id)
  redis.call('SREM', S .. 'index:running', id)
  return 'ended'
end
local now = clock_ms()
enqueue(id, f[2], ARGV[2], now, now + 1000)
return 'restored'
