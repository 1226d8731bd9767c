-- Renews the lease of agents with a live desk and restores the presence of
-- those who were lost a moment ago. Answers where each known one stands.
local lease, out = tonumber(ARGV[3]), {}
for n = 4, #ARGV do
  local a = ARGV[n]
  if redis.call('SISMEMBER', agents, a) == 1 then
    local was = redis.call('HGET', agent_key(a), 'was')
    if was ~= '' then
      come_back(a, was)
      match_agent(a)
    end
    redis.call('ZREM', timers, 'l:' .. a)
    redis.call('ZADD', timers, now + lease, 'h:' .. a)
    standing(a, out)
  end
end
return out
