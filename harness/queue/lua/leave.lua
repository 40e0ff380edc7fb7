-- A worker that runs no job any more hands over what it had fetched, and is forgotten. The messages go to the
-- end of their streams: those that are idle now are woken by a new message, not by one that lies there.
-- ARGV: worker, streaQ's group; returns how many.
local handed = 0
for _, priority in ipairs(PRIORITIES) do
  local stream = S .. 'queues:' .. priority
  local pending = redis.call('XPENDING', stream, ARGV[2], '-', '+', 10000, ARGV[1])
  for _, entry in ipairs(pending) do
    local found = redis.call('XRANGE', stream, entry[1], entry[1])
    redis.call('XACK', stream, ARGV[2], entry[1])
    redis.call('XDEL', stream, entry[1])
    if found[1] then
      redis.call('XADD', stream, '*', unpack(found[1][2]))
      handed = handed + 1
    end
  end
  redis.call('XGROUP', 'DELCONSUMER', stream, ARGV[2], ARGV[1])
end
redis.call('ZREM', P .. 'workers', ARGV[1])
return handed
