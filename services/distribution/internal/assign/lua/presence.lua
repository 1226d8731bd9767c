-- Sets what an agent is ready for. Going offline revokes offers; an agent who
-- signs in is first in line where the least active one is.
local a, pres, lease = ARGV[3], ARGV[4], tonumber(ARGV[5])
local k = agent_key(a)
local h = redis.call('HMGET', k, 'pres', 'was')
if redis.call('SISMEMBER', agents, a) == 0 then return {'UNKNOWN'} end
if h[1] == 'OFFLINE' and h[2] == '' and pres ~= 'OFFLINE' then redis.call('HSET', k, 'lr', 0) end
if h[1] ~= pres or h[2] ~= '' then set_presence(a, pres, '') end
if pres == 'OFFLINE' then
  revoke_offers(a)
else
  redis.call('ZREM', timers, 'l:' .. a)
  redis.call('ZADD', timers, now + lease, 'h:' .. a)
  match_agent(a)
end
h = redis.call('HMGET', k, 'pres', 'used', 'tot', 'since')
return {'OK', a, h[1], h[2] or '0', h[3], h[4]}
