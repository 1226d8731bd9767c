-- Stops offering what waits in a queue, or goes on with it: since when and by
-- whom it is paused, empty: it is not.
local q, paused = ...
local was = redis.call('HGET', book.queue_key(q), 'ps') or ''
if was == paused then return {'SAME'} end
redis.call('HSET', book.queue_key(q), 'ps', paused)
if paused == '' then
  -- Agents look for work one after the other, members and those who are waited for.
  for _, a in ipairs(redis.call('SMEMBERS', book.members_key(q))) do book.zadd(book.timers, book.now, 'g:' .. a) end
  for _, key in ipairs(redis.call('ZRANGE', book.inside_key(q), 0, -1)) do
    local a = book.waited_in(book.item(key).ls)
    if a then book.zadd(book.timers, book.now, 'g:' .. a.id) end
  end
end
return {'OK'}
