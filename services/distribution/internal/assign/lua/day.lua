-- Says when an agent's day ends next.
local a, day = ARGV[3], ARGV[4]
if redis.call('SISMEMBER', agents, a) == 1 then
  redis.call('ZADD', timers, day, 'd:' .. a)
  redis.call('HDEL', agent_key(a), 'dd')
end
return {'OK'}
