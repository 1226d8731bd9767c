-- Renews the lease of agents with a live desk and restores the presence of
-- those who were lost a moment ago. Answers where each known one stands.
local out = {}
for n = 3, #ARGV do
  local id = ARGV[n]
  if book.is_known(id) then
    local a = book.agent(id)
    if a.was ~= '' then
      book.come_back(a)
      book.match_agent(a)
    end
    book.zrem(book.timers, 'l:' .. id)
    book.zadd(book.timers, book.now + policy.lease, 'h:' .. id)
    book.standing(a, out)
  end
end
return out
