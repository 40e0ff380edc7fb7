-- Dead letters are forgotten. ARGV: ids; returns how many.
local purged = 0
for _, id in ipairs(ARGV) do
  if redis.call('ZREM', P .. 'dead', id) == 1 then
    local key = redis.call('HGET', task_key(id), 'key')
    redis.call('DEL', task_key(id), P .. 'key:' .. key)
    purged = purged + 1
  end
end
return purged
