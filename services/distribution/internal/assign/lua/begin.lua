-- Opens a generation for loading; one that was being loaded is given up, for
-- its loader may be dead. If it is not, its next step is refused. Answers, too,
-- which generation was in force last: its presences are the best there are.
if epoch then return {'OPEN', epoch} end
if known[1] then
  redis.call('HSET', KEYS[1], 'was', known[1])
  redis.call('HDEL', KEYS[1], 'ep')
end
redis.call('HSET', KEYS[1], 'nx', ARGV[1], 'hi', here)
return {'LOAD', ARGV[1], redis.call('HGET', KEYS[1], 'was') or '0'}
