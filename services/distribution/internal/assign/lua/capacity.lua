-- Classes, and the room that agents have for them. A class is what an item asks
-- of an agent: "2/AB/=bg.3+de.1/vip" is two units, available or busy, two skills
-- at least so well (after '~': as near as can be, by level), one capacity
-- profile.
local letters = {AVAILABLE = 'A', BUSY = 'B', DO_NOT_DISTURB = 'D', AWAY = 'W'}

-- A queue that assigns by rules has one class, which nobody meets here: its items
-- are proposed by whoever knows the rules, and reserved one by one.
local classes = {custom = {units = 0, mask = '', mode = '', skills = {}, profiles = {}, custom = true}}
local function class(c)
  local k = classes[c]
  if not k then
    local u, mask, mode, needs, profiles = string.match(c, '^(%d+)/(%u*)/([=~]?)([^/]*)/(.*)$')
    k = {units = tonumber(u), mask = mask, mode = mode, skills = {}, profiles = {}}
    for s, v in string.gmatch(needs, '([^.+]+)%.(%d+)') do k.skills[#k.skills + 1] = {s, tonumber(v)} end
    for p in string.gmatch(profiles, '[^+]+') do k.profiles[#k.profiles + 1] = p end
    classes[c] = k
  end
  return k
end

-- The room of an agent: units, profiles, and what it is ready for.
local function room(a)
  local h = redis.call('HMGET', agent_key(a), 'tot', 'used', 'pres', 'la', 'lr', 'idx', 'pl')
  local r = {agent = a, tot = num(h[1]), used = num(h[2]), free = num(h[1]) - num(h[2]), letter = letters[h[3] or ''],
    la = num(h[4]), lr = num(h[5]), idx = h[6] or '', profiles = {}}
  for p, limit, flags in string.gmatch(h[7] or '', '([^.+]+)%.(%d+)%.(%a*)') do
    local used = num(redis.call('HGET', agent_key(a), 'p:' .. p))
    r.profiles[p] = {limit = tonumber(limit), used = used, daily = string.find(flags, 'e', 1, true),
      blocks = string.find(flags, 'b', 1, true)}
    if r.profiles[p].blocks and used >= tonumber(limit) then r.blocked = true end
  end
  return r
end

-- The class under which a queue keeps an item of class c.
local function lane(q, c) return queue(q).by == 'custom' and 'custom' or c end

-- Tells whoever knows the rules that an agent is not what it was.
local function note_agent(a)
  redis.call('SADD', news, 'a:' .. a)
  redis.call('HINCRBY', agent_key(a), 'v', 1)
end

-- Has an agent room for a class now? Presence and skills are another matter.
local function has_room(r, k)
  if r.blocked then return false end
  if k.units > 0 and r.free < k.units then return false end
  for _, p in ipairs(k.profiles) do
    local held = r.profiles[p]
    if held and held.used >= held.limit then return false end
  end
  return true
end

local function fits(r, k)
  if not r.letter or not string.find(k.mask, r.letter, 1, true) then return false end
  return has_room(r, k)
end

-- How far an agent's skills and profiles are from what a class needs, 0 to 1023;
-- nil when they do not meet it.
local function distance(skills, profiles, k)
  for _, p in ipairs(k.profiles) do
    if not string.find('+' .. profiles, '+' .. p .. '.', 1, true) then return nil end
  end
  local under, over = 0, 0
  for _, need in ipairs(k.skills) do
    local v, level = string.match('+' .. skills .. '+', '%+' .. string.gsub(need[1], '%-', '%%-') .. '%.(%d+)%.(%d+)%+')
    if k.mode == '=' then
      if not v or tonumber(v) < need[2] then return nil end
    else
      local off = (tonumber(level) or -10) - need[2]
      under, over = under + math.max(-off, 0), over + math.max(off, 0)
    end
  end
  local n = math.max(#k.skills, 1)
  return 32 * math.ceil(under * 31 / (110 * n)) + math.ceil(over * 31 / (100 * n))
end

-- Lower comes first. Exact: everything stays below 2^53.
local function order(r, q, k, far, by)
  local turn = r.lr
  if by == 'rotation' then turn = num(redis.call('HGET', agent_key(r.agent), 'rr:' .. q)) end
  if k.mode == '~' then return far * 8796093022208 + turn end
  if by ~= 'capacity' then return turn end
  local free = r.free
  if k.units == 0 then
    free = 8191
    for _, p in ipairs(k.profiles) do
      local held = r.profiles[p]
      if held then free = math.min(free, held.limit - held.used) end
    end
  end
  return (8191 - math.max(0, math.min(free, 8191))) * 1099511627776 + r.la
end

local function index(r, q, c, far)
  local k = class(c)
  if k.custom then
    note_agent(r.agent)
  elseif fits(r, k) then
    redis.call('ZADD', ready_key(q, c), order(r, q, k, far, queue(q).by), r.agent)
  else
    redis.call('ZREM', ready_key(q, c), r.agent)
  end
end

-- Every class of every queue that an agent could serve: queue, class, distance.
local function served(idx) return string.gmatch(idx, '([^;,]+);([^;,]+);(%d+)') end

-- Brings an agent's entries in the ready lists in line with its hash. Of a
-- generation that is being loaded that is done once, at the end: index.lua.
local function reindex(a)
  if loading then return end
  local r = room(a)
  for q, c, far in served(r.idx) do index(r, q, c, tonumber(far)) end
end

-- Members of a queue who may meet a class: all of them, or of those who have its
-- rarest skill well enough.
local function candidates(q, k)
  if k.mode ~= '=' then return redis.call('SMEMBERS', members_key(q)) end
  local fewest, rarest
  for _, need in ipairs(k.skills) do
    local n = redis.call('ZCOUNT', skill_key(need[1]), need[2], '+inf')
    if not fewest or n < fewest then fewest, rarest = n, need end
  end
  local out = {}
  for _, a in ipairs(redis.call('ZRANGEBYSCORE', skill_key(rarest[1]), rarest[2], '+inf')) do
    if redis.call('SISMEMBER', members_key(q), a) == 1 then out[#out + 1] = a end
  end
  return out
end

-- A class is made at a queue when first met there.
local function ensure_class(q, c)
  if redis.call('SADD', classes_key(q), c) == 0 then return end
  local k = class(c)
  if #k.skills > 0 then redis.call('ZADD', timers, now + unused, 'c:' .. q .. ';' .. c) end
  for _, a in ipairs(candidates(q, k)) do
    local h = redis.call('HMGET', agent_key(a), 'sk', 'pl', 'idx')
    local far = distance(h[1] or '', h[2] or '', k)
    if far then
      redis.call('HSET', agent_key(a), 'idx', (h[3] or '') .. q .. ';' .. c .. ';' .. far .. ',')
      if not loading then index(room(a), q, c, far) end
    end
  end
end

local function drop_class(q, c)
  redis.call('SREM', classes_key(q), c)
  redis.call('DEL', ready_key(q, c))
  for _, a in ipairs(candidates(q, class(c))) do
    local kept = ''
    for q2, c2, far in served(redis.call('HGET', agent_key(a), 'idx') or '') do
      if q2 ~= q or c2 ~= c then kept = kept .. q2 .. ';' .. c2 .. ';' .. far .. ',' end
    end
    redis.call('HSET', agent_key(a), 'idx', kept)
  end
end

local function use(a, c)
  local k = class(c)
  if k.units > 0 then redis.call('HINCRBY', agent_key(a), 'used', k.units) end
  for _, p in ipairs(k.profiles) do redis.call('HINCRBY', agent_key(a), 'p:' .. p, 1) end
end

-- What counts for the day is not given back (L69).
local function unuse(a, c)
  local k = class(c)
  if k.units > 0 then redis.call('HINCRBY', agent_key(a), 'used', -k.units) end
  local r = #k.profiles > 0 and room(a)
  for _, p in ipairs(k.profiles) do
    if not (r.profiles[p] and r.profiles[p].daily) then redis.call('HINCRBY', agent_key(a), 'p:' .. p, -1) end
  end
end

-- Takes capacity of an agent, for an item from queue q if it is not empty; the
-- number it returns is the fence of an offer.
local function take(a, item, q, c)
  local seq = next_seq()
  use(a, c)
  if q ~= '' then
    redis.call('HSET', agent_key(a), 'la', seq, 'rr:' .. q, seq)
  else
    redis.call('HSET', agent_key(a), 'la', seq)
  end
  redis.call('SADD', items_key(a), item)
  reindex(a)
  return seq
end

local function give_back(a, item, c)
  redis.call('SREM', items_key(a), item)
  unuse(a, c)
  redis.call('HSET', agent_key(a), 'lr', next_seq())
  reindex(a)
end
