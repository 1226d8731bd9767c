-- Reserves a waiting item for the agent who picks it, before the log is asked.
local key, conv, rev, id = ...
local i = book.item(key)
if i.st == 'P' and i.ag == id and i.rev == rev then return {'OK'} end
if i.rev ~= rev or book.terms(i).conv ~= conv then return {'OLD'} end
if i.st ~= 'W' then return {'BUSY'} end
if redis.call('SISMEMBER', book.members_key(i.q), id) == 0 then return {'QUEUE'} end
local a, wanted = book.agent(id), book.class(i.c)
if not book.ready_for(a, wanted) then return {'PRESENCE'} end
if not book.has_room(a, wanted) then return {'FULL'} end
for _, p in ipairs(wanted.profiles) do
  if not book.limits(a)[p] then return {'FULL'} end
end
book.unlist(i)
i.st, i.ag, i.fe = 'P', id, '0'
book.zadd(book.timers, book.now + 2 * book.retry, 'r:' .. key)
book.take(a, i, i.q)
return {'OK'}
