-- Handles due timers. What needs a commit is handed out, six strings each, and
-- speaks again after a while unless the commit silences it: whoever takes it
-- may die.
local limit, grace = ...
grace = tonumber(grace)
local out = {}

local function ask(kind, i, outcome)
  for _, v in ipairs({kind, i.key, book.conv_of(i), i.ag, i.fe, outcome}) do out[#out + 1] = v end
end

local on = {}

function on.o(member, key) -- an offer lapses or is taken back
  local i = book.item(key)
  if i.st ~= 'O' and i.st ~= 'S' then return book.zrem(book.timers, member) end
  if i.mark == '' then i.mark = i.sh ~= '' and 'TIMED_OUT' or 'UNDELIVERED' end
  book.zadd(book.timers, book.now + book.retry, member)
  ask('END', i, i.mark)
end

function on.u(member, key) -- wrap-up stops taking capacity
  book.zrem(book.timers, member)
  local i = book.item(key)
  if i.st ~= 'U' then return end
  local a = book.agent(i.ag)
  book.bygone(i)
  book.zadd(book.timers, book.now + book.oblivion, 'z:' .. key)
  book.give_back(a, i)
  book.settle_presence(a, true)
  book.match_agent(a)
end

function on.h(member, id) -- an agent's desk went silent
  book.zrem(book.timers, member)
  book.zadd(book.timers, book.now + grace, 'l:' .. id)
  local a = book.agent(id)
  if a.pres ~= '' and a.pres ~= 'OFFLINE' then
    book.lose(a)
    book.revoke_offers(a)
  end
end

function on.l(member, id) -- and did not come back
  book.zadd(book.timers, book.now + book.retry, member)
  local a = book.agent(id)
  if a.was ~= '' then book.set_presence(a, 'OFFLINE', '', 'LOST', '') end
  local mine, any = book.list(a.held), false
  table.sort(mine)
  for _, key in ipairs(mine) do
    if book.item(key).st == 'A' then
      any = true
      ask('LEAVE', book.item(key), '')
    end
  end
  if not any then book.zrem(book.timers, member) end
end

function on.r(member, key) -- a resume or a pick was begun and never finished
  local i = book.item(key)
  if i.st ~= 'R' and i.st ~= 'P' then return book.zrem(book.timers, member) end
  book.zadd(book.timers, book.now + book.retry, member)
  ask('SETTLE', i, '')
end

-- Takes an item whose wait is over out of the reach of agents and asks it out of
-- its queue. One that is offered to an agent waits for the end of the offer.
local function overflow(i)
  i.late = '1'
  book.zadd(book.inside_key(i.q), book.never, i.key)
  if i.st ~= 'W' then return book.zrem(book.timers, 'x:' .. i.key) end
  book.unlist(i)
  book.zadd(book.timers, book.now + book.retry, 'x:' .. i.key)
  ask('WAIT', i, '')
end

function on.w(_, q) -- somebody has waited too long in a queue
  local long = book.now - book.queue(q).wait
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', book.settled(book.inside_key(q)), '-inf', long, 'LIMIT', 0, book.burst)) do
    overflow(book.item(key))
  end
  book.watch_waits(q)
end

function on.x(member, key) -- and is still there, or was put off until now
  local i = book.item(key)
  if book.waits[i.st] then return overflow(i) end
  book.zrem(book.timers, member)
end

function on.p(_, key) -- a place is kept no longer
  book.drop_place(key)
end

function on.g(member, id) -- there was more to offer than one script does
  book.zrem(book.timers, member)
  local a = book.agent(id)
  book.settle_presence(a, false)
  book.match_agent(a)
end

function on.f(member, key) -- an agent was waited for long enough
  book.zrem(book.timers, member)
  local i = book.item(key)
  if i.st ~= 'W' then return end
  book.unlist(i)
  book.line_up(i)
  book.match_item(i, false)
end

function on.d(member, id) -- an agent's day ends; somebody must say when the next does
  book.zadd(book.timers, book.now + book.retry, member)
  local a = book.agent(id)
  if a.asked ~= 'asked' then
    for p, l in pairs(book.limits(a)) do
      if l.daily then book.set_count(a, p, 0) end
    end
    a.asked = 'asked'
    book.reindex(a)
    book.settle_presence(a, false)
    book.match_agent(a)
  end
  for _, v in ipairs({'DAY', '', '', id, '', ''}) do out[#out + 1] = v end
end

function on.c(member, name) -- nobody has waited in a class for a day
  local q, c = string.match(name, '^(.-);(.*)$')
  if redis.call('ZCARD', book.settled(book.waiting_key(q, c))) > 0 then return book.zadd(book.timers, book.now + book.unused, member) end
  book.zrem(book.timers, member)
  book.drop_class(q, c)
end

function on.z(member, key) -- a finished item is forgotten
  book.zrem(book.timers, member)
  local i = book.item(key)
  if i.st == 'X' then i.gone = true end
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', book.timers, '-inf', book.now, 'LIMIT', 0, limit)) do
  on[string.sub(member, 1, 1)](member, string.sub(member, 3))
end
return out
