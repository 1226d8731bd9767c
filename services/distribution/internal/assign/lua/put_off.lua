-- An item that waited too long stays in its queue after all, offered to whoever
-- is free, until it is due, or for longer and longer when it does not know until
-- when.
local key, conv, since, due = ...
local longest = 300000 -- ms after which it asks again at the latest
local i = book.item(key)
if not book.waits[i.st] or book.terms(i).conv ~= conv or book.terms(i).since ~= since or i.late ~= '1' then return {'OLD'} end
local pause = tonumber(due) - book.now
if tonumber(due) == 0 then
  pause = 2 * math.max(book.num(i.po), book.retry)
  i.po = book.int(math.min(pause, longest))
end
i.late = '0'
book.zadd(book.timers, book.now + math.min(pause, longest), 'x:' .. key)
if i.st == 'W' then
  book.line_up(i)
  book.match_item(i, false)
end
return {'OK'}
