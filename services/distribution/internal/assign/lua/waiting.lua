-- Who waits, where, and for how long.

-- Has the queue speak when the item that waits longest has waited too long.
function book.watch_waits(q)
  local wait = book.queue(q).wait
  if wait == 0 then return end
  local first = redis.call('ZRANGE', book.settled(book.inside_key(q)), 0, 0, 'WITHSCORES')[2]
  if first and tonumber(first) < book.never then
    book.zadd(book.timers, tonumber(first) + wait, 'w:' .. q)
  else
    book.zrem(book.timers, 'w:' .. q)
  end
end

-- An item is counted in its queue from here on; its wait is timed from since,
-- or by a timer of its own when since is never.
function book.count_in(i, since)
  book.zadd(book.inside_key(i.q), since, i.key)
  book.watch_waits(i.q)
end

function book.count_out(i, got)
  book.rate(i.q, 'w', book.now - book.num(book.terms(i).since))
  if not got then book.rate(i.q, 'l', 1) end
  book.zrem(book.inside_key(i.q), i.key)
  if i.late ~= '' then book.zrem(book.timers, 'x:' .. i.key) end
  book.watch_waits(i.q)
end

-- What a queue was like in the last eight hours and the one before, hour by hour: n of its
-- conversations gave capacity back; t ms is how long capacity was held, by those
-- and for offers that came to nothing; l went without an agent; and all who no
-- longer wait did so for w ms.
book.rates = {}
function book.rate(q, what, by)
  if q == '' or by <= 0 then return end
  if not book.rates[q] then book.rates[q] = {} end
  book.rates[q][what] = (book.rates[q][what] or 0) + by
end

function book.write_rates(q, rates)
  local key, hour, begun = book.rates_key(q), math.floor(book.now / 3600000), false
  for what, n in pairs(rates) do
    if redis.call('HINCRBY', key, what .. book.int(hour), book.int(n)) == n then begun = true end
  end
  if not begun then return end
  for _, f in ipairs(redis.call('HKEYS', key)) do
    local h = string.match(f, '^%l(%d+)$')
    if not h or tonumber(h) <= hour - 9 then redis.call('HDEL', key, f) end
  end
end

-- Higher priority first, then whoever came first; with a head start a point of
-- priority counts as so many ms.
function book.rank(i)
  local ahead, pri, queued = book.queue(i.q).ahead, book.num(book.terms(i).pri), book.num(book.terms(i).queued)
  if ahead > 0 then return queued + (1023 - pri) * ahead end
  return (1023 - pri) * 8796093022208 + queued
end

-- The agent who is waited for before others are asked, if there is one.
function book.preferred(i)
  local a, until_ms = book.terms(i).pf, book.num(book.terms(i).pu)
  if a == '' or (until_ms ~= 0 and until_ms <= book.now) or book.declines(i.ex, a) > 0 then return nil end
  return book.is_known(a) and book.agent(a)
end

-- Tells whoever knows the rules that an item is not where it was.
function book.note_item(i)
  if string.find(i.ls, '^w:[^:]*:custom$') then book.sadd(book.news, 'i:' .. i.key) end
end

-- Is an agent looked for? Not for what agents pick, nor for what so many agents
-- have declined (L62); whose desk never showed it did not.
function book.is_offered(i)
  if book.terms(i).pk == '1' then return false end
  if i.ex == '' then return true end
  local declined = 0
  for halves in string.gmatch(i.ex, ':(%d+)') do
    if tonumber(halves) >= 2 then declined = declined + 1 end
  end
  return declined < policy.most
end

-- The agent for whom alone an item of this list waits.
function book.waited_in(where)
  if string.sub(where, 1, 3) == 'wa:' then return book.agent(string.sub(where, 4)) end
end

-- Puts an item where agents are looked for: in the list of its class, or in that
-- of the one agent who is waited for; if any are looked for.
function book.line_up(i)
  if not book.is_offered(i) then return end
  local a, c = book.preferred(i), book.lane(i.q, i.c)
  local where = a and 'wa:' .. a.id or 'w:' .. i.q .. ':' .. c
  -- Who was late, or waited for one agent, may outlive its class.
  if not a then book.ensure_class(i.q, c) end
  if a then a.wanted = book.more(a.wanted, 1) end
  book.zadd(book.root .. where, book.rank(i), book.ticket(i))
  book.bare[book.root .. where] = nil
  i.ls = where
  book.note_item(i)
  if a and book.num(book.terms(i).pu) > 0 then book.zadd(book.timers, book.terms(i).pu, 'f:' .. i.key) end
  if #book.class(c).skills > 0 then book.zadd(book.timers, book.now + book.unused, 'c:' .. i.q .. ';' .. c) end
end

function book.unlist(i)
  if i.ls == '' then return end
  local a = book.waited_in(i.ls)
  if a then
    a.wanted = book.more(a.wanted, -1)
    book.zrem(book.timers, 'f:' .. i.key)
  end
  book.zrem(book.root .. i.ls, book.ticket(i))
  book.note_item(i)
  i.ls = ''
end

-- Places kept, and of whom. Mostly there are none.
book.places, book.some = book.root .. 'pl', nil
function book.is_placed()
  if book.some == nil then book.some = redis.call('EXISTS', book.places) == 1 end
  return book.some
end

-- Gives up the place kept for a conversation of a thread, or for any.
function book.drop_place(key, conv)
  if not book.is_placed() then return end
  local q, whose = string.match(redis.call('HGET', book.places, key) or '', '^(.-)/(.*)$')
  if not q or (conv and whose ~= conv) then return end
  book.zrem(book.places_key(q), key)
  redis.call('HDEL', book.places, key)
  book.zrem(book.timers, 'p:' .. key)
end
