-- Sets what an agent is ready for. Going offline revokes offers; an agent who
-- signs in is first in line where the least active one is.
local a, pres, src, status, lease = ARGV[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local k = agent_key(a)
local h = redis.call('HMGET', k, 'pres', 'was', 'src', 'st')
if redis.call('SISMEMBER', agents, a) == 0 then return {'UNKNOWN'} end
if h[1] == 'OFFLINE' and h[2] == '' and pres ~= 'OFFLINE' then redis.call('HSET', k, 'lr', 0) end
if src == 'SESSION' and pres == 'AVAILABLE' and status == '' then pres, src = by_load(a), 'LOAD' end
if h[1] ~= pres or h[2] ~= '' or h[3] ~= src or h[4] ~= status then set_presence(a, pres, '', src, status) end
if pres == 'OFFLINE' then
  revoke_offers(a)
else
  redis.call('ZREM', timers, 'l:' .. a)
  redis.call('ZADD', timers, now + lease, 'h:' .. a)
  match_agent(a)
end
return standing(a, {'OK'})
