-- Stops offering what waits in a queue, or goes on with it: since when and by
-- whom it is paused, empty: it is not.
local q, paused = ARGV[3], ARGV[4]
local was = redis.call('HGET', queue_key(q), 'ps') or ''
if was == paused then return {'SAME'} end
redis.call('HSET', queue_key(q), 'ps', paused)
if paused == '' then
  -- Agents look for work one after the other, members and those who are waited for.
  for _, a in ipairs(redis.call('SMEMBERS', members_key(q))) do redis.call('ZADD', timers, now, 'g:' .. a) end
  for _, item in ipairs(redis.call('ZRANGE', inside_key(q), 0, -1)) do
    local where = redis.call('HGET', item_key(item), 'ls') or ''
    if string.sub(where, 1, 3) == 'wa:' then redis.call('ZADD', timers, now, 'g:' .. string.sub(where, 4)) end
  end
end
return {'OK'}
