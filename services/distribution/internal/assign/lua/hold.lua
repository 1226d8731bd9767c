-- Takes capacity, even beyond the limit, for an agent who returns to a
-- conversation set aside; before the log is asked, as with offers.
local item, conv, rev, a, c = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
local k = item_key(item)
local h = redis.call('HMGET', k, 'rev', 'st', 'ag')
if h[2] == 'R' and h[3] == a and tonumber(h[1]) == rev then return {'OK'} end
if h[1] and tonumber(h[1]) > rev then return {'OLD'} end
if h[2] and h[2] ~= 'X' then return {'BUSY'} end
redis.call('DEL', k)
redis.call('HSET', k, 'rev', ARGV[5], 'conv', conv, 'st', 'R', 'ag', a, 'c', c, 'fe', '0')
redis.call('ZREM', timers, 'z:' .. item)
redis.call('ZADD', timers, now + 2 * retry, 'r:' .. item)
take(a, item, '', c)
return {'OK'}
