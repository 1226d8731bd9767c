-- Takes over what administrators set for a queue. Older than known: OLD.
local q, cr, by, pri, cl, wait, ahead = ...
local k = book.queue_key(q)
local h = redis.call('HMGET', k, 'cr', 'by', 'hs')
if h[1] and tonumber(h[1]) > tonumber(cr) then return {'OLD'} end
redis.call('HSET', k, 'cr', cr, 'by', by, 'pri', pri, 'wt', wait, 'hs', ahead)
book.zrem(book.timers, 'w:' .. q)
book.watch_waits(q)
-- Where rules begin or end to count, all that wait are lined up anew; agents are
-- looked at soon, one after the other.
local function change_hands()
  for _, c in ipairs(redis.call('SMEMBERS', book.classes_key(q))) do book.drop_class(q, c) end
  for _, key in ipairs(redis.call('ZRANGE', book.inside_key(q), 0, -1)) do
    local i = book.item(key)
    if string.sub(i.ls, 1, 2) == 'w:' then
      book.ensure_class(q, book.lane(q, i.c))
      book.unlist(i)
      book.line_up(i)
    end
  end
  for _, a in ipairs(redis.call('SMEMBERS', book.members_key(q))) do book.zadd(book.timers, book.now, 'g:' .. a) end
end

if h[2] and h[2] ~= by then
  if h[2] == 'custom' or by == 'custom' then
    change_hands()
  else
    for _, a in ipairs(redis.call('SMEMBERS', book.members_key(q))) do book.reindex(book.agent(a)) end
  end
end
if h[3] and h[3] ~= ahead then
  for _, key in ipairs(redis.call('ZRANGE', book.inside_key(q), 0, -1)) do
    local i = book.item(key)
    if i.ls ~= '' then book.zadd(book.root .. i.ls, book.rank(i), book.ticket(i)) end
  end
end
for _, c in ipairs(book.list(cl)) do book.ensure_class(q, book.lane(q, c)) end
return {'OK'}
