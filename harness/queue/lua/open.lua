-- What a queue needs before its first task. ARGV: format, streaQ's group.
redis.call('HSETNX', P .. 'meta', 'format', ARGV[1])
for _, priority in ipairs(PRIORITIES) do
  local stream = S .. 'queues:' .. priority
  local there, groups = pcall(redis.call, 'XINFO', 'GROUPS', stream)
  if not there or #groups == 0 then redis.call('XGROUP', 'CREATE', stream, ARGV[2], '0', 'MKSTREAM') end
end
local version = string.match(redis.call('INFO', 'server'), 'redis_version:([%d.]+)')
return { redis.call('HGET', P .. 'meta', 'format'), version or '' }
