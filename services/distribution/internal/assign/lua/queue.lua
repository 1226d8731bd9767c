-- Takes over what administrators set for a queue. Older than known: OLD.
local q, cr, by, pri, cl, wait = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local k = queue_key(q)
local h = redis.call('HMGET', k, 'cr', 'by')
if h[1] and tonumber(h[1]) > cr then return {'OLD'} end
redis.call('HSET', k, 'cr', ARGV[4], 'by', by, 'pri', pri, 'wt', wait)
redis.call('ZREM', timers, 'w:' .. q)
watch_waits(q)
if h[2] and h[2] ~= by then
  for _, a in ipairs(redis.call('SMEMBERS', members_key(q))) do reindex(a) end
end
for _, u in ipairs(list(cl)) do ensure_class(q, u) end
return {'OK'}
