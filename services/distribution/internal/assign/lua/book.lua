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
local timers, outbox, agents, news = root .. 't', root .. 'out', root .. 'as', root .. 'cn'
local burst = 64          -- offers that one script makes to one agent
local glance = 16         -- items it looks at behind one its agent declined
local retry = 5000        -- ms after which an unheeded timer speaks again
local oblivion = 3600000  -- ms for which a finished item is remembered
local unused = 86400000   -- ms after which a class that needs skills is dropped
local holds = {O = true, A = true, U = true, R = true, P = true}
local waits = {W = true, O = true, S = true, P = true} -- in a queue: no agent has it yet
local never = 9007199254740991 -- 2^53 - 1

local function agent_key(a) return root .. 'a:' .. a end
local function items_key(a) return root .. 'a:' .. a .. ':i' end
local function item_key(i) return root .. 'i:' .. i end
local function queue_key(q) return root .. 'q:' .. q end
local function members_key(q) return root .. 'q:' .. q .. ':a' end
local function classes_key(q) return root .. 'q:' .. q .. ':c' end
local function inside_key(q) return root .. 'n:' .. q end
local function places_key(q) return root .. 'pl:' .. q end
local function pace_key(q) return root .. 'pa:' .. q end
local function skill_key(s) return root .. 'sk:' .. s end
local function waiting_key(q, c) return root .. 'w:' .. q .. ':' .. c end
local function ready_key(q, c) return root .. 'r:' .. q .. ':' .. c end
local function waited_key(a) return root .. 'wa:' .. a end

local function num(v) return tonumber(v or 0) end

local function list(s)
  local out = {}
  for part in string.gmatch(s or '', '[^,]+') do out[#out + 1] = part end
  return out
end

-- What administrators set for a queue, read once in a script.
local queues = {}
local function queue(q)
  local s = queues[q]
  if not s then
    local h = redis.call('HMGET', queue_key(q), 'by', 'pri', 'wt', 'hs', 'ps')
    s = {by = h[1] or '', pri = num(h[2]), wait = num(h[3]), ahead = num(h[4]), paused = (h[5] or '') ~= ''}
    queues[q] = s
  end
  return s
end

-- One counter gives fences and the order of events, so no two are ever equal.
local function next_seq() return redis.call('HINCRBY', meta, 'seq', 1) end

-- How often an agent declined an item, in halves: two for each time it said no
-- or nothing, and one more once the offer never reached its desk.
local function declines(ex, a)
  for name, n in string.gmatch(ex or '', '([^,:]+):(%d+)') do
    if name == a then return tonumber(n) end
  end
  return 0
end

local function decline(item, a, outcome)
  local ex, out, seen = redis.call('HGET', item_key(item), 'ex'), {}, false
  local function more(n)
    if outcome ~= 'UNDELIVERED' then return n + 2 end
    return n + 1 - n % 2
  end
  for name, n in string.gmatch(ex or '', '([^,:]+):(%d+)') do
    if name == a then n, seen = more(tonumber(n)), true end
    out[#out + 1] = name .. ':' .. n
  end
  if not seen then out[#out + 1] = a .. ':' .. more(0) end
  redis.call('HSET', item_key(item), 'ex', table.concat(out, ','))
end
