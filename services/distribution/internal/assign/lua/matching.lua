-- Who gets what.

-- Reserves and proposes in one step. The proposal names the revision of the
-- thread it was decided on; it can be committed on no other. It tells, for those
-- who ask why, how many could have taken the item and who came first: by itself,
-- or as rules found out.
function book.offer(i, a, how, found)
  -- Who waited for one agent may have outlived its class, by which the others are known.
  if how == 'affinity' then book.ensure_class(i.q, book.lane(i.q, i.c)) end
  found = found or book.first_ready(i.q, i.c, book.shown)
  book.unlist(i)
  i.st, i.ag = 'O', a.id
  i.fe = book.take(a, i, i.q)
  local told = book.terms(i)
  local is = i.key .. '|' .. told.conv .. '|' .. i.q .. '|' .. a.id .. '|' .. i.fe .. '|' .. i.rev .. '|' .. told.oms .. '|' .. i.c .. '|' ..
    (how or book.queue(i.q).by) .. '|' .. found.ready .. '|' .. found.first
  if found.rule then
    redis.call('XADD', book.outbox, '*', 'is', is, 'rule', found.rule, 'bucket', found.bucket)
  else
    redis.call('XADD', book.outbox, '*', 'is', is)
  end
end

-- Looks for an agent for a waiting item: the one it waits for; else the first in
-- order who has not declined it; failing that, unless fresh, the one who
-- declined it least and not yet often enough.
function book.match_item(i, fresh)
  if book.queue(i.q).paused or not book.is_offered(i) then return end
  local waited = book.preferred(i)
  if waited then
    if book.fits(waited, book.class(i.c)) then book.offer(i, waited, 'affinity') end
    return
  end
  if book.queue(i.q).by == 'custom' then return end
  local _, decliners = string.gsub(i.ex, ':', ':')
  local found, best, least = book.first_ready(i.q, i.c, math.max(decliners + 1, book.shown)), nil, nil
  for _, a in ipairs(found.list) do
    local d = book.declines(i.ex, a)
    if d < 2 * policy.enough and (not least or d < least) then best, least = a, d end
    if d == 0 then break end
  end
  if best and (least == 0 or not fresh) then book.offer(i, book.agent(best), nil, found) end
end

function book.before(x, y)
  for _, f in ipairs({'d', 'pri', 'score', 'rev'}) do
    if x[f] ~= y[f] then return x[f] < y[f] end
  end
end

-- The best item of one waiting list for an agent. It reads on past those the
-- agent declined for good: they cost what the agent's own answers made them. A
-- list that was empty is so until something is lined up.
book.bare = {}
function book.head(a, q, c, pri)
  local key, best = book.waiting_key(q, c), nil
  if book.bare[key] then return nil end
  local from, seen = 0, 0
  repeat
    local heads = redis.call('ZRANGE', book.settled(key), from, from + book.glance - 1, 'WITHSCORES')
    for n = 1, #heads, 2 do
      local i = book.item(string.sub(heads[n], 18))
      local x = {item = i, d = book.declines(i.ex, a.id), pri = -pri,
        score = tonumber(heads[n + 1]), rev = tonumber(string.sub(heads[n], 1, 16))}
      if x.d < 2 * policy.enough then
        if not best or book.before(x, best) then best = x end
        seen = seen + 1
        if x.d == 0 or seen == book.glance then return best end
      end
    end
    if from == 0 and #heads == 0 then book.bare[key] = true end
    from = from + book.glance
  until #heads < 2 * book.glance
  return best
end

-- The item that waits for this agent and nobody else, if there is room for one.
function book.waited_for(a)
  if a.wanted == '0' then return nil end
  for _, t in ipairs(redis.call('ZRANGE', book.settled(book.waited_key(a.id)), 0, book.glance - 1)) do
    local i = book.item(string.sub(t, 18))
    if not book.queue(i.q).paused and book.fits(a, book.class(i.c)) then return i end
  end
end

-- The item an agent should get next: fewest own declines, then queue priority,
-- then the order of the waiting lists.
function book.next_item(a)
  local best
  for _, s in ipairs(book.served(a.idx)) do
    local x = not book.queue(s.q).paused and book.fits(a, book.class(s.c)) and book.head(a, s.q, s.c, book.queue(s.q).pri)
    if x and (not best or book.before(x, best)) then best = x end
  end
  return best and best.item
end

-- Fills an agent's free capacity from the waiting lists.
function book.match_agent(a)
  for _ = 1, book.burst do
    if not book.letters[a.pres] then return end
    local i = book.waited_for(a)
    if i then
      book.offer(i, a, 'affinity')
    else
      i = book.next_item(a)
      if not i then return end
      book.offer(i, a)
    end
  end
  book.zadd(book.timers, book.now, 'g:' .. a.id)
end
