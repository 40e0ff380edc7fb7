-- The end of a task, from the worker that holds it; from any other it is refused, and counted.
-- ARGV: id, fence, token, state, document, dead (1), keep ms, keep dead, attempts sent in this try.
local id, fence, token = ARGV[1], ARGV[2], ARGV[3]
local key = task_key(id)
local f = redis.call('HMGET', key, 'state', 'fence', 'token')
local mine = holds({ fence = f[2], token = f[3] }, fence, token)

if is_final(f[1]) and mine then return 'done' end
if f[1] ~= 'processing' or not mine then
  count('commits_refused')
  return 'refused'
end
redis.call('HINCRBY', key, 'attempts', ARGV[9])
finish(id, ARGV[4], ARGV[5], clock_ms(), tonumber(ARGV[7]), ARGV[6] == '1', tonumber(ARGV[8]))
return 'done'
