-- Takes over what administrators set for an agent. Older than known: OLD.
local a, cr, tot, qs, gone = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7] == '1'
local pres, was, lease = ARGV[8], ARGV[9], tonumber(ARGV[10])
local k = agent_key(a)
local h = redis.call('HMGET', k, 'cr', 'qs', 'pres')
if h[1] and tonumber(h[1]) > cr then return {'OLD'} end

local stays = {}
for _, q in ipairs(list(qs)) do stays[q] = true end
for _, q in ipairs(list(h[2])) do
  if not stays[q] then
    redis.call('SREM', members_key(q), a)
    for _, u in ipairs(list(redis.call('HGET', queue_key(q), 'cl'))) do
      redis.call('ZREM', ready_key(q, u), a)
    end
  end
end
for _, q in ipairs(list(qs)) do redis.call('SADD', members_key(q), a) end
redis.call('HSET', k, 'cr', ARGV[4], 'tot', tot, 'qs', qs)

if gone then
  redis.call('SREM', agents, a)
  set_presence(a, 'OFFLINE', '')
  revoke_offers(a)
  redis.call('HDEL', root .. 'p', a)
  redis.call('ZREM', timers, 'h:' .. a)
  redis.call('ZADD', timers, now, 'l:' .. a)
  return {'OK'}
end
redis.call('SADD', agents, a)
if not h[3] then
  set_presence(a, pres == '' and 'OFFLINE' or pres, was)
  if loading then redis.call('ZADD', timers, now + lease, 'h:' .. a) end
else
  reindex(a)
end
if loading then
  redis.call('ZADD', timers, now, 'g:' .. a)
else
  match_agent(a)
end
return {'OK'}
