-- Handles due timers. What needs a commit is handed out, six strings each, and
-- speaks again after a while unless the commit silences it: whoever takes it
-- may die.
local limit, grace, out = ARGV[3], tonumber(ARGV[4]), {}

local function ask(kind, item, outcome)
  local h = redis.call('HMGET', item_key(item), 'conv', 'ag', 'fe')
  for _, v in ipairs({kind, item, h[1], h[2], h[3] or '', outcome}) do out[#out + 1] = v end
end

local on = {}

function on.o(member, item) -- an offer lapses or is taken back
  local h = redis.call('HMGET', item_key(item), 'st', 'end', 'sh')
  if h[1] ~= 'O' and h[1] ~= 'S' then return redis.call('ZREM', timers, member) end
  local outcome = h[2] or (h[3] and 'TIMED_OUT' or 'UNDELIVERED')
  redis.call('HSET', item_key(item), 'end', outcome)
  redis.call('ZADD', timers, now + retry, member)
  ask('END', item, outcome)
end

function on.u(member, item) -- wrap-up stops taking capacity
  redis.call('ZREM', timers, member)
  local h = redis.call('HMGET', item_key(item), 'st', 'ag', 'c', 'rev', 'conv')
  if h[1] ~= 'U' then return end
  redis.call('DEL', item_key(item))
  redis.call('HSET', item_key(item), 'rev', h[4], 'conv', h[5], 'st', 'X')
  redis.call('ZADD', timers, now + oblivion, 'z:' .. item)
  give_back(h[2], item, h[3])
  settle_presence(h[2], true)
  match_agent(h[2])
end

function on.h(member, a) -- an agent's desk went silent
  redis.call('ZREM', timers, member)
  redis.call('ZADD', timers, now + grace, 'l:' .. a)
  local pres = redis.call('HGET', agent_key(a), 'pres')
  if pres and pres ~= 'OFFLINE' then
    lose(a)
    revoke_offers(a)
  end
end

function on.l(member, a) -- and did not come back
  redis.call('ZADD', timers, now + retry, member)
  local was = redis.call('HGET', agent_key(a), 'was')
  if was and was ~= '' then set_presence(a, 'OFFLINE', '', 'LOST', '') end
  local items, some = redis.call('SMEMBERS', items_key(a)), false
  table.sort(items)
  for _, item in ipairs(items) do
    if redis.call('HGET', item_key(item), 'st') == 'A' then
      some = true
      ask('LEAVE', item, '')
    end
  end
  if not some then redis.call('ZREM', timers, member) end
end

function on.r(member, item) -- a resume or a pick was begun and never finished
  local st = redis.call('HGET', item_key(item), 'st')
  if st ~= 'R' and st ~= 'P' then return redis.call('ZREM', timers, member) end
  redis.call('ZADD', timers, now + retry, member)
  ask('SETTLE', item, '')
end

-- Takes an item whose wait is over out of the reach of agents and asks it out of
-- its queue. One that is offered to an agent waits for the end of the offer.
local function overflow(item, q)
  local h = redis.call('HMGET', item_key(item), 'st')
  redis.call('HSET', item_key(item), 'late', '1')
  redis.call('ZADD', inside_key(q), never, item)
  if h[1] ~= 'W' then return redis.call('ZREM', timers, 'x:' .. item) end
  unlist(item)
  redis.call('ZADD', timers, now + retry, 'x:' .. item)
  ask('WAIT', item, '')
end

function on.w(_, q) -- somebody has waited too long in a queue
  local wait = num(redis.call('HGET', queue_key(q), 'wt'))
  for _, item in ipairs(redis.call('ZRANGEBYSCORE', inside_key(q), '-inf', now - wait, 'LIMIT', 0, burst)) do
    overflow(item, q)
  end
  watch_waits(q)
end

function on.x(member, item) -- and is still there, or was put off until now
  local h = redis.call('HMGET', item_key(item), 'st', 'q')
  if waits[h[1]] then return overflow(item, h[2]) end
  redis.call('ZREM', timers, member)
end

function on.p(_, item) -- a place is kept no longer
  drop_place(item)
end

function on.g(member, a) -- there was more to offer than one script does
  redis.call('ZREM', timers, member)
  settle_presence(a, false)
  match_agent(a)
end

function on.f(member, item) -- an agent was waited for long enough
  redis.call('ZREM', timers, member)
  if redis.call('HGET', item_key(item), 'st') ~= 'W' then return end
  unlist(item)
  line_up(item)
  match_item(item, false)
end

function on.d(member, a) -- an agent's day ends; somebody must say when the next does
  redis.call('ZADD', timers, now + retry, member)
  if redis.call('HGET', agent_key(a), 'dd') ~= 'asked' then
    for p, flags in string.gmatch(redis.call('HGET', agent_key(a), 'pl') or '', '([^.+]+)%.%d+%.(%a*)') do
      if string.find(flags, 'e', 1, true) then redis.call('HSET', agent_key(a), 'p:' .. p, 0) end
    end
    redis.call('HSET', agent_key(a), 'dd', 'asked')
    reindex(a)
    settle_presence(a, false)
    match_agent(a)
  end
  for _, v in ipairs({'DAY', '', '', a, '', ''}) do out[#out + 1] = v end
end

function on.c(member, name) -- nobody has waited in a class for a day
  local q, c = string.match(name, '^(.-);(.*)$')
  if redis.call('ZCARD', waiting_key(q, c)) > 0 then return redis.call('ZADD', timers, now + unused, member) end
  redis.call('ZREM', timers, member)
  drop_class(q, c)
end

function on.z(member, item) -- a finished item is forgotten
  redis.call('ZREM', timers, member)
  if redis.call('HGET', item_key(item), 'st') == 'X' then redis.call('DEL', item_key(item)) end
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', timers, '-inf', now, 'LIMIT', 0, limit)) do
  on[string.sub(member, 1, 1)](member, string.sub(member, 3))
end
return out
