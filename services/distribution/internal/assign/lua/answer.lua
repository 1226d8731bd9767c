-- Is this offer still reserved? A rejection leaves its mark at once, so that
-- it is finished even if the process that took it dies.
local item, fence, a, reject = ARGV[3], ARGV[4], ARGV[5], ARGV[6] == '1'
local h = redis.call('HMGET', item_key(item), 'st', 'fe', 'ag')
if h[1] ~= 'O' or h[2] ~= fence or h[3] ~= a then return {'GONE'} end
if reject then
  redis.call('HSET', item_key(item), 'end', 'REJECTED')
  redis.call('ZADD', timers, now + retry, 'o:' .. item)
end
return {'OK'}
