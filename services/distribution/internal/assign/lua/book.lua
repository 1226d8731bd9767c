-- What every transition shares. KEYS[1] is the hash {g}:m, which exists as long
-- as the group does. ARGV[1] is the generation to load into, empty for the one
-- in force; ARGV[2] is the time in ms.
--
-- Two servers run this text, so: numbers that may pass 10^14 (scores) go to
-- redis.call as numbers and never through '..'; strings are compared for
-- equality only, because '<' asks the locale; a set is sorted before its order
-- can matter; nothing is written before everything is checked.
local meta, generation, now = KEYS[1], ARGV[1], tonumber(ARGV[2])
local loading = generation ~= ''
if loading then
  if opening ~= generation then
    return redis.error_reply('EPOCH this generation is not being loaded')
  end
  epoch = generation
elseif not epoch then
  return redis.error_reply('EPOCH there is none')
end

local root = string.sub(meta, 1, -2) .. epoch .. ':'
local timers, outbox, agents = root .. 't', root .. 'out', root .. 'as'
local burst = 64          -- offers that one script makes to one agent
local glance = 16         -- items it looks at behind one its agent declined
local enough = 3          -- declines after which an agent is not asked again
local retry = 5000        -- ms after which an unheeded timer speaks again
local oblivion = 3600000  -- ms for which a finished item is remembered
local takes = {AVAILABLE = true, BUSY = true}
local holds = {O = true, A = true, U = true, R = true}
local waits = {W = true, O = true, S = true} -- in a queue: no agent has it yet
local never = 9007199254740991 -- 2^53 - 1

local function agent_key(a) return root .. 'a:' .. a end
local function items_key(a) return root .. 'a:' .. a .. ':i' end
local function item_key(i) return root .. 'i:' .. i end
local function queue_key(q) return root .. 'q:' .. q end
local function members_key(q) return root .. 'q:' .. q .. ':a' end
local function inside_key(q) return root .. 'n:' .. q end
local function places_key(q) return root .. 'pl:' .. q end
local function waiting_key(q, u) return root .. 'w:' .. q .. ':' .. u end
local function ready_key(q, u) return root .. 'r:' .. q .. ':' .. u end

local function num(v) return tonumber(v or 0) end

local function list(s)
  local out = {}
  for part in string.gmatch(s or '', '[^,]+') do out[#out + 1] = part end
  return out
end

-- One counter gives fences and the order of events, so no two are ever equal.
local function next_seq() return redis.call('HINCRBY', meta, 'seq', 1) end

-- Lower comes first. Exact: everything stays below 2^53.
local function order(by, free, la, lr)
  if by == 'capacity' then return (8191 - math.min(free, 8191)) * 1099511627776 + la end
  return lr
end

local function index(a, q, by, u, here, free, la, lr)
  if here and free >= tonumber(u) then
    redis.call('ZADD', ready_key(q, u), order(by, free, la, lr), a)
  else
    redis.call('ZREM', ready_key(q, u), a)
  end
end

-- Brings an agent's entries in the ready lists in line with its hash.
local function reindex(a)
  local h = redis.call('HMGET', agent_key(a), 'tot', 'used', 'pres', 'la', 'lr', 'qs')
  for _, q in ipairs(list(h[6])) do
    local qh = redis.call('HMGET', queue_key(q), 'by', 'cl')
    for _, u in ipairs(list(qh[2])) do
      index(a, q, qh[1], u, takes[h[3]], num(h[1]) - num(h[2]), num(h[4]), num(h[5]))
    end
  end
end

-- A class is the number of units an item takes; made when first met.
local function ensure_class(q, u)
  local cl = redis.call('HGET', queue_key(q), 'cl') or ''
  for _, c in ipairs(list(cl)) do
    if c == u then return end
  end
  redis.call('HSET', queue_key(q), 'cl', cl == '' and u or cl .. ',' .. u)
  local by = redis.call('HGET', queue_key(q), 'by')
  for _, a in ipairs(redis.call('SMEMBERS', members_key(q))) do
    local h = redis.call('HMGET', agent_key(a), 'tot', 'used', 'pres', 'la', 'lr')
    index(a, q, by, u, takes[h[3]], num(h[1]) - num(h[2]), num(h[4]), num(h[5]))
  end
end

-- Takes units of an agent; the number it returns is the fence of an offer.
local function take(a, item, u)
  local seq = next_seq()
  redis.call('HINCRBY', agent_key(a), 'used', u)
  redis.call('HSET', agent_key(a), 'la', seq)
  redis.call('SADD', items_key(a), item)
  reindex(a)
  return seq
end

local function give_back(a, item, u)
  redis.call('SREM', items_key(a), item)
  redis.call('HINCRBY', agent_key(a), 'used', -tonumber(u))
  redis.call('HSET', agent_key(a), 'lr', next_seq())
  reindex(a)
end

local function set_presence(a, pres, was)
  redis.call('HSET', agent_key(a), 'pres', pres, 'was', was, 'since', now)
  redis.call('HSET', root .. 'p', a, pres .. '/' .. was)
  redis.call('HINCRBY', meta, 'pv', 1)
  reindex(a)
end

-- Marks the offers of an agent for revocation; the ticker commits it.
local function revoke_offers(a)
  local held = redis.call('SMEMBERS', items_key(a))
  for _, item in ipairs(held) do
    if redis.call('HGET', item_key(item), 'st') == 'O' then
      redis.call('HSETNX', item_key(item), 'end', 'REVOKED')
      redis.call('ZADD', timers, now, 'o:' .. item)
    end
  end
end

local function declines(ex, a)
  for name, n in string.gmatch(ex or '', '([^,:]+):(%d+)') do
    if name == a then return tonumber(n) end
  end
  return 0
end

local function decline(item, a)
  local ex, out, seen = redis.call('HGET', item_key(item), 'ex'), {}, false
  for name, n in string.gmatch(ex or '', '([^,:]+):(%d+)') do
    if name == a then n, seen = tonumber(n) + 1, true end
    out[#out + 1] = name .. ':' .. n
  end
  if not seen then out[#out + 1] = a .. ':1' end
  redis.call('HSET', item_key(item), 'ex', table.concat(out, ','))
end

-- Has the queue speak when the item that waits longest has waited too long.
local function watch_waits(q)
  local wait = num(redis.call('HGET', queue_key(q), 'wt'))
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

-- Puts an item where agents are looked for.
local function line_up(item)
  local h = redis.call('HMGET', item_key(item), 'q', 'u', 'pri', 'queued', 'wk')
  redis.call('ZADD', waiting_key(h[1], h[2]), (1023 - num(h[3])) * 8796093022208 + num(h[4]), h[5])
end

-- Gives up the place kept for a conversation of a thread, or for any.
local function drop_place(item, conv)
  local q, whose = string.match(redis.call('HGET', root .. 'pl', item) or '', '^(.-)/(.*)$')
  if not q or (conv and whose ~= conv) then return end
  redis.call('ZREM', places_key(q), item)
  redis.call('HDEL', root .. 'pl', item)
  redis.call('ZREM', timers, 'p:' .. item)
end

-- Reserves and proposes in one step. The proposal names the revision of the
-- thread it was decided on; it can be committed on no other.
local function offer(item, a)
  local k = item_key(item)
  local h = redis.call('HMGET', k, 'q', 'u', 'wk', 'conv', 'oms', 'rev')
  redis.call('ZREM', waiting_key(h[1], h[2]), h[3])
  local fence = take(a, item, h[2])
  redis.call('HSET', k, 'st', 'O', 'ag', a, 'fe', fence)
  redis.call('XADD', outbox, '*', 'item', item, 'conv', h[4], 'queue', h[1],
    'agent', a, 'fence', fence, 'rev', h[6], 'ms', h[5])
end

-- Looks for an agent for a waiting item: the first in order who has not
-- declined it; failing that, unless fresh, the one who declined it least and
-- not yet often enough.
local function match_item(item, fresh)
  local h = redis.call('HMGET', item_key(item), 'q', 'u', 'ex')
  local _, decliners = string.gsub(h[3] or '', ':', ':')
  local best, least
  for _, a in ipairs(redis.call('ZRANGE', ready_key(h[1], h[2]), 0, decliners)) do
    local d = declines(h[3], a)
    if d < enough and (not least or d < least) then best, least = a, d end
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
local function head(a, q, u, pri)
  local best
  local from, seen = 0, 0
  repeat
    local heads = redis.call('ZRANGE', waiting_key(q, u), from, from + glance - 1, 'WITHSCORES')
    for n = 1, #heads, 2 do
      local item = string.sub(heads[n], 18)
      local c = {item = item, d = declines(redis.call('HGET', item_key(item), 'ex'), a), pri = -num(pri),
        score = tonumber(heads[n + 1]), rev = tonumber(string.sub(heads[n], 1, 16))}
      if c.d < enough then
        if not best or before(c, best) then best = c end
        seen = seen + 1
        if c.d == 0 or seen == glance then return best end
      end
    end
    from = from + glance
  until #heads < 2 * glance
  return best
end

-- The item an agent should get next: fewest own declines, then queue priority,
-- then the order of the waiting lists.
local function next_item(a, free, queues)
  local best
  for _, q in ipairs(queues) do
    local qh = redis.call('HMGET', queue_key(q), 'pri', 'cl')
    for _, u in ipairs(list(qh[2])) do
      local c = free >= tonumber(u) and head(a, q, u, qh[1])
      if c and (not best or before(c, best)) then best = c end
    end
  end
  return best and best.item
end

-- Fills an agent's free capacity from the waiting lists.
local function match_agent(a)
  for _ = 1, burst do
    local h = redis.call('HMGET', agent_key(a), 'tot', 'used', 'pres', 'qs')
    local free = num(h[1]) - num(h[2])
    local item = takes[h[3]] and free > 0 and next_item(a, free, list(h[4]))
    if not item then return end
    offer(item, a)
  end
  redis.call('ZADD', timers, now, 'g:' .. a)
end
