-- Sets what an agent is ready for. Going offline revokes offers; an agent who
-- signs in is first in line where the least active one is.
local id, pres, src, status = ...
if not book.is_known(id) then return {'UNKNOWN'} end
local a = book.agent(id)
if a.pres == 'OFFLINE' and a.was == '' and pres ~= 'OFFLINE' then a.lr = '0' end
if src == 'SESSION' and pres == 'AVAILABLE' and status == '' then pres, src = book.by_load(a), 'LOAD' end
if a.pres ~= pres or a.was ~= '' or a.src ~= src or a.stat ~= status then book.set_presence(a, pres, '', src, status) end
if pres == 'OFFLINE' then
  book.revoke_offers(a)
else
  book.zrem(book.timers, 'l:' .. id)
  book.zadd(book.timers, book.now + policy.lease, 'h:' .. id)
  book.match_agent(a)
end
return book.standing(a, {'OK'})
