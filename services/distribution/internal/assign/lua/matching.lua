-- Who gets what.

-- Reserves and proposes in one step. The proposal names the revision of the
-- thread it was decided on; it can be committed on no other. It tells, for those
-- who ask why, how many could have taken the item and who came first: by itself,
-- or as rules found out.
local function offer(item, a, how, found)
  local k = item_key(item)
  local h = redis.call('HMGET', k, 'q', 'c', 'conv', 'oms', 'rev', 'ls')
  if not found then
    local ready = ready_key(h[1], h[2])
    found = {ready = redis.call('ZCARD', ready), first = table.concat(redis.call('ZRANGE', ready, 0, 4), ',')}
  end
  if h[6] then unlist(item) end
  local fence = take(a, item, h[1], h[2])
  redis.call('HSET', k, 'st', 'O', 'ag', a, 'fe', fence)
  redis.call('XADD', outbox, '*', 'item', item, 'conv', h[3], 'queue', h[1], 'agent', a, 'fence', fence,
    'rev', h[5], 'ms', h[4], 'class', h[2], 'how', how or queue(h[1]).by,
    'ready', found.ready, 'first', found.first, 'rule', found.rule or '', 'bucket', found.bucket or '')
end

-- Looks for an agent for a waiting item: the one it waits for; else the first in
-- order who has not declined it; failing that, unless fresh, the one who
-- declined it least and not yet often enough.
local function match_item(item, fresh)
  local h = redis.call('HMGET', item_key(item), 'q', 'c', 'ex', 'pk', 'pf', 'pu')
  if h[4] == '1' or queue(h[1]).paused then return end
  local waited = preferred(h[5], h[6], h[3])
  if waited then
    if fits(room(waited), class(h[2])) then offer(item, waited, 'affinity') end
    return
  end
  if queue(h[1]).by == 'custom' then return end
  local _, decliners = string.gsub(h[3] or '', ':', ':')
  local best, least
  for _, a in ipairs(redis.call('ZRANGE', ready_key(h[1], h[2]), 0, decliners)) do
    local d = declines(h[3], a)
    if d < 2 * policy.enough and (not least or d < least) then best, least = a, d end
    if d == 0 then break end
  end
  if best and (least == 0 or not fresh) then offer(item, best) end
end

local function before(x, y)
  for _, f in ipairs({'d', 'pri', 'score', 'rev'}) do
    if x[f] ~= y[f] then return x[f] < y[f] end
  end
end

-- The best item of one waiting list for an agent. It reads on past those the
-- agent declined for good: they cost what the agent's own answers made them.
local function head(a, q, c, pri)
  local best
  local from, seen = 0, 0
  repeat
    local heads = redis.call('ZRANGE', waiting_key(q, c), from, from + glance - 1, 'WITHSCORES')
    for n = 1, #heads, 2 do
      local item = string.sub(heads[n], 18)
      local x = {item = item, d = declines(redis.call('HGET', item_key(item), 'ex'), a), pri = -pri,
        score = tonumber(heads[n + 1]), rev = tonumber(string.sub(heads[n], 1, 16))}
      if x.d < 2 * policy.enough then
        if not best or before(x, best) then best = x end
        seen = seen + 1
        if x.d == 0 or seen == glance then return best end
      end
    end
    from = from + glance
  until #heads < 2 * glance
  return best
end

-- The item that waits for this agent and nobody else, if there is room for one.
local function waited_for(r)
  for _, wk in ipairs(redis.call('ZRANGE', waited_key(r.agent), 0, glance - 1)) do
    local item = string.sub(wk, 18)
    local h = redis.call('HMGET', item_key(item), 'c', 'q')
    if not queue(h[2]).paused and fits(r, class(h[1])) then return item end
  end
end

-- The item an agent should get next: fewest own declines, then queue priority,
-- then the order of the waiting lists.
local function next_item(r)
  local best
  for q, c in served(r.idx) do
    local x = not queue(q).paused and fits(r, class(c)) and head(r.agent, q, c, queue(q).pri)
    if x and (not best or before(x, best)) then best = x end
  end
  return best and best.item
end

-- Fills an agent's free capacity from the waiting lists.
local function match_agent(a)
  for _ = 1, burst do
    local r = room(a)
    if not r.letter then return end
    local item = waited_for(r)
    if item then
      offer(item, a, 'affinity')
    else
      item = next_item(r)
      if not item then return end
      offer(item, a)
    end
  end
  redis.call('ZADD', timers, now, 'g:' .. a)
end
