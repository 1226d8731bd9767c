-- Who waits, where, and for how long.

-- Has the queue speak when the item that waits longest has waited too long.
local function watch_waits(q)
  local wait = queue(q).wait
  if wait == 0 then return end
  local first = redis.call('ZRANGE', inside_key(q), 0, 0, 'WITHSCORES')[2]
  if first and tonumber(first) < never then
    redis.call('ZADD', timers, tonumber(first) + wait, 'w:' .. q)
  else
    redis.call('ZREM', timers, 'w:' .. q)
  end
end

-- An item is counted in its queue from here on; its wait is timed from since,
-- or by a timer of its own when since is never.
local function count_in(item, q, since)
  redis.call('ZADD', inside_key(q), since, item)
  watch_waits(q)
end

local function count_out(item, q)
  redis.call('ZREM', inside_key(q), item)
  redis.call('ZREM', timers, 'x:' .. item)
  redis.call('HDEL', item_key(item), 'late', 'po')
  watch_waits(q)
end

-- Counts an item that an agent got out of a queue: the queue's pace, of the
-- last 15 minutes.
local function keep_pace(q)
  local minute = math.floor(now / 60000)
  redis.call('HINCRBY', pace_key(q), minute, 1)
  for _, m in ipairs(redis.call('HKEYS', pace_key(q))) do
    if tonumber(m) <= minute - 15 then redis.call('HDEL', pace_key(q), m) end
  end
end

-- Higher priority first, then whoever came first; with a head start a point of
-- priority counts as so many ms.
local function rank(q, pri, queued)
  local ahead = queue(q).ahead
  if ahead > 0 then return queued + (1023 - pri) * ahead end
  return (1023 - pri) * 8796093022208 + queued
end

-- The agent who is waited for before others are asked, if there is one.
local function preferred(a, until_ms, ex)
  if (a or '') == '' or (num(until_ms) ~= 0 and num(until_ms) <= now) or declines(ex, a) > 0 then return nil end
  return redis.call('SISMEMBER', agents, a) == 1 and a
end

-- Tells whoever knows the rules that an item is not where it was.
local function note_item(item, list)
  if string.find(list, '^w:[^:]*:custom$') then redis.call('SADD', news, 'i:' .. item) end
end

-- Puts an item where agents are looked for: in the list of its class, or in that
-- of the one agent who is waited for. Nobody looks for an agent for those that
-- agents pick.
local function line_up(item)
  local h = redis.call('HMGET', item_key(item), 'q', 'c', 'pri', 'queued', 'wk', 'pk', 'pf', 'pu', 'ex')
  if h[6] == '1' then return end
  local a = preferred(h[7], h[8], h[9])
  local c = lane(h[1], h[2])
  local where = a and 'wa:' .. a or 'w:' .. h[1] .. ':' .. c
  -- Who was late, or waited for one agent, may outlive its class.
  if not a then ensure_class(h[1], c) end
  redis.call('ZADD', root .. where, rank(h[1], num(h[3]), num(h[4])), h[5])
  redis.call('HSET', item_key(item), 'ls', where)
  note_item(item, where)
  if a and num(h[8]) > 0 then redis.call('ZADD', timers, h[8], 'f:' .. item) end
  if #class(c).skills > 0 then redis.call('ZADD', timers, now + unused, 'c:' .. h[1] .. ';' .. c) end
end

local function unlist(item)
  local h = redis.call('HMGET', item_key(item), 'ls', 'wk')
  if not h[1] then return end
  redis.call('ZREM', root .. h[1], h[2])
  redis.call('HDEL', item_key(item), 'ls')
  note_item(item, h[1])
  redis.call('ZREM', timers, 'f:' .. item)
end

-- Gives up the place kept for a conversation of a thread, or for any.
local function drop_place(item, conv)
  local q, whose = string.match(redis.call('HGET', root .. 'pl', item) or '', '^(.-)/(.*)$')
  if not q or (conv and whose ~= conv) then return end
  redis.call('ZREM', places_key(q), item)
  redis.call('HDEL', root .. 'pl', item)
  redis.call('ZREM', timers, 'p:' .. item)
end
