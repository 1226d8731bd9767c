-- Is this offer still reserved? A rejection leaves its mark at once, so that
-- it is finished even if the process that took it dies.
local key, fence, a, reject = ...
local i = book.item(key)
if i.st ~= 'O' or i.fe ~= fence or i.ag ~= a then return {'GONE'} end
if reject == '1' then
  i.mark = 'REJECTED'
  book.zadd(book.timers, book.now + book.retry, 'o:' .. key)
end
return {'OK'}
