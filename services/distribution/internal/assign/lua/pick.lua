-- Reserves a waiting item for the agent who picks it, before the log is asked.
local item, conv, rev, a = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local k = item_key(item)
local h = redis.call('HMGET', k, 'rev', 'st', 'ag', 'conv', 'q', 'c')
if h[2] == 'P' and h[3] == a and tonumber(h[1]) == rev then return {'OK'} end
if not h[1] or tonumber(h[1]) ~= rev or h[4] ~= conv then return {'OLD'} end
if h[2] ~= 'W' then return {'BUSY'} end
if redis.call('SISMEMBER', members_key(h[5]), a) == 0 then return {'QUEUE'} end
local r, wanted = room(a), class(h[6])
if not r.letter or not string.find(wanted.mask, r.letter, 1, true) then return {'PRESENCE'} end
if not fits(r, wanted) then return {'FULL'} end
for _, p in ipairs(wanted.profiles) do
  if not r.profiles[p] then return {'FULL'} end
end
unlist(item)
redis.call('HSET', k, 'st', 'P', 'ag', a, 'fe', '0')
redis.call('ZADD', timers, now + 2 * retry, 'r:' .. item)
take(a, item, h[5], h[6])
return {'OK'}
