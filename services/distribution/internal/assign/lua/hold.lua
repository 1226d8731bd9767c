-- Takes capacity, even beyond the limit, for an agent who returns to a
-- conversation set aside; before the log is asked, as with offers.
local key, conv, rev, a, c = ...
local old = book.item(key)
if old.st == 'R' and old.ag == a and old.rev == rev then return {'OK'} end
if old.rev ~= '' and tonumber(old.rev) > tonumber(rev) then return {'OLD'} end
if old.rev ~= '' and old.st ~= 'X' then return {'BUSY'} end
local i = book.replace(key, rev, 'R', a, '0', '', c, conv .. '|||||||')
book.zrem(book.timers, 'z:' .. key)
book.zadd(book.timers, book.now + 2 * book.retry, 'r:' .. key)
book.take(book.agent(a), i, '')
return {'OK'}
