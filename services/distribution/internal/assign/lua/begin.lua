-- Opens a generation for loading; one that was being loaded is given up, for
-- its loader may be dead. If it is not, its next step is refused.
local ep = redis.call('HGET', KEYS[1], 'ep')
if ep then return {'OPEN', ep} end
redis.call('HSET', KEYS[1], 'nx', ARGV[1])
return {'LOAD', ARGV[1]}
