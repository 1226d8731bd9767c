-- Renews the lease of agents with a live desk and restores the presence of
-- those who were lost a moment ago. Answers where each known one stands.
local lease, out = tonumber(ARGV[3]), {}
for n = 4, #ARGV do
  local a = ARGV[n]
  local k = agent_key(a)
  if redis.call('SISMEMBER', agents, a) == 1 then
    local was = redis.call('HGET', k, 'was')
    if was ~= '' then
      set_presence(a, was, '')
      match_agent(a)
    end
    redis.call('ZREM', timers, 'l:' .. a)
    redis.call('ZADD', timers, now + lease, 'h:' .. a)
    local h = redis.call('HMGET', k, 'pres', 'used', 'tot', 'since')
    for _, v in ipairs({a, h[1], h[2] or '0', h[3], h[4]}) do out[#out + 1] = v end
  end
end
return out
