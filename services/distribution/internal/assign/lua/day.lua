-- Says when an agent's day ends next.
local id, day = ...
if book.is_known(id) then
  book.zadd(book.timers, day, 'd:' .. id)
  book.agent(id).asked = ''
end
return {'OK'}
