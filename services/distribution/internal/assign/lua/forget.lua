-- Forgets threads that were erased, before the time for which what is over is
-- remembered has passed. Answers those that are not over.
local left = {}
for _, key in ipairs({...}) do
  local i = book.item(key)
  if i.st == 'X' then
    i.gone = true
    book.zrem(book.timers, 'z:' .. key)
  elseif i.st ~= '' then
    left[#left + 1] = key
  end
  if i.st == '' or i.gone then book.drop_place(key) end
end
return left
