-- What agents are ready for. Presence AVAILABLE and BUSY hold until a
-- conversation of the agent begins or ends; then, and from then on, the load
-- says (L76, L77). Of a lost agent, was is what it was ready for, with '~' when
-- the load had said so.
local function set_presence(a, pres, was, src, status)
  local h = redis.call('HMGET', agent_key(a), 'pres', 'st', 'since', 'src')
  local since = h[1] == pres and h[2] == status and h[3] or now
  redis.call('HSET', agent_key(a), 'pres', pres, 'was', was, 'since', since, 'src', src, 'st', status)
  redis.call('HSET', root .. 'p', a, pres .. '/' .. was .. '/' .. src .. '/' .. status)
  -- What the load says is not worth remembering: the load will say it again.
  if src ~= 'LOAD' or h[4] ~= 'LOAD' then redis.call('HINCRBY', meta, 'pv', 1) end
  reindex(a)
end

-- What the load of an agent says: nothing held, something, or no room for more.
-- An offer is no load yet.
local function by_load(a)
  local r = room(a)
  for _, item in ipairs(redis.call('SMEMBERS', items_key(a))) do
    local h = redis.call('HMGET', item_key(item), 'st', 'c')
    if h[1] == 'O' then
      local k = class(h[2])
      r.used = r.used - k.units
      for _, p in ipairs(k.profiles) do
        if r.profiles[p] then r.profiles[p].used = r.profiles[p].used - 1 end
      end
    end
  end
  local any, full, profiles, blocked = r.used > 0, r.used >= r.tot, 0, false
  local spent = 0
  for _, p in pairs(r.profiles) do
    profiles = profiles + 1
    any = any or p.used > 0
    if p.used >= p.limit then
      spent = spent + 1
      blocked = blocked or p.blocks
    end
  end
  if profiles > 0 then full = spent == profiles and (r.tot == 0 or full) end
  if not any then return 'AVAILABLE' end
  return (full or blocked) and 'DO_NOT_DISTURB' or 'BUSY'
end

-- Has the load say what an agent is ready for, unless somebody else has: for
-- good, or until a conversation turns: begins or ends.
local function settle_presence(a, turns)
  local h = redis.call('HMGET', agent_key(a), 'pres', 'src')
  local passing = h[1] == 'AVAILABLE' or h[1] == 'BUSY'
  if h[2] ~= 'LOAD' and not (turns and passing) then return end
  local pres = by_load(a)
  if pres ~= h[1] or h[2] ~= 'LOAD' then set_presence(a, pres, '', 'LOAD', '') end
end

local function lose(a)
  local h = redis.call('HMGET', agent_key(a), 'pres', 'src', 'st')
  set_presence(a, 'OFFLINE', h[1] .. (h[2] == 'LOAD' and '~' or ''), 'LOST', h[3] or '')
end

local function come_back(a, was)
  local pres = string.gsub(was, '~', '')
  set_presence(a, pres, '', pres == was and 'RETURNED' or 'LOAD', redis.call('HGET', agent_key(a), 'st') or '')
  settle_presence(a, false)
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

-- Where an agent stands, for those who ask.
local function standing(a, out)
  local h = redis.call('HMGET', agent_key(a), 'pres', 'used', 'tot', 'since', 'st', 'src', 'pl')
  local load = ''
  for p, limit in string.gmatch(h[7] or '', '([^.+]+)%.(%d+)%.') do
    load = load .. p .. '.' .. num(redis.call('HGET', agent_key(a), 'p:' .. p)) .. '.' .. limit .. '+'
  end
  for _, v in ipairs({a, h[1], h[2] or '0', h[3] or '0', h[4], h[5] or '', h[6] or '', load}) do out[#out + 1] = v end
  return out
end
