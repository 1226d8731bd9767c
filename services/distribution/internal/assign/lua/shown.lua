-- A desk shows an offer: from the first time on the agent has so long to answer.
-- Answers until when, 0 when the offer is gone.
local key, fence, a = ...
local i = book.item(key)
if i.st ~= 'O' or i.fe ~= fence or i.ag ~= a or i.mark ~= '' then return {0} end
if i.sh ~= '' then return {tonumber(i.sh)} end
i.sh = book.int(book.now + tonumber(book.terms(i).oms))
book.zadd(book.timers, i.sh, 'o:' .. key)
return {tonumber(i.sh)}
