-- A desk shows an offer: from the first time on the agent has so long to answer.
-- Answers until when, 0 when the offer is gone.
local item, fence, a = ARGV[3], ARGV[4], ARGV[5]
local h = redis.call('HMGET', item_key(item), 'st', 'fe', 'ag', 'sh', 'oms', 'end')
if h[1] ~= 'O' or h[2] ~= fence or h[3] ~= a or h[6] then return {0} end
if h[4] then return {tonumber(h[4])} end
local due = now + tonumber(h[5])
redis.call('HSET', item_key(item), 'sh', due)
redis.call('ZADD', timers, due, 'o:' .. item)
return {due}
