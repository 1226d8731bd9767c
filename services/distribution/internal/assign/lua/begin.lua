-- Opens a generation for loading; one that was being loaded is given up, for
-- its loader may be dead. If it is not, its next step is refused. Answers where
-- the counter stands.
if epoch then return {'OPEN', epoch} end
redis.call('HDEL', KEYS[1], 'ep')
redis.call('HSET', KEYS[1], 'nx', ARGV[1], 'hi', here)
return {'LOAD', ARGV[1], known[4]}
