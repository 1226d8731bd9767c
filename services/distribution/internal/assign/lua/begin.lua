-- Opens a generation for loading. ARGV: generation, time, patience with
-- another that is being loaded, all in ms.
local ep = redis.call('HGET', KEYS[1], 'ep')
if ep then return {'OPEN', ep} end
local h = redis.call('HMGET', KEYS[1], 'nx', 'nxms')
if h[1] and tonumber(ARGV[2]) - tonumber(h[2]) < tonumber(ARGV[3]) then return {'BUSY', h[1]} end
redis.call('HSET', KEYS[1], 'nx', ARGV[1], 'nxms', ARGV[2])
return {'LOAD', ARGV[1]}
