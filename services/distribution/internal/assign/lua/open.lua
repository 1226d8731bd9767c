-- Puts a loaded generation in force, all of it at once. A server that was
-- emptied or restarted while it was loaded refuses. The counter starts above
-- every fence the log has seen.
if opening ~= ARGV[1] then
  return redis.error_reply('EPOCH this generation is not being loaded')
end
local seq = math.max(tonumber(redis.call('HGET', KEYS[1], 'seq') or 0), tonumber(ARGV[2]))
redis.call('HSET', KEYS[1], 'ep', ARGV[1], 'seq', seq)
redis.call('HDEL', KEYS[1], 'nx')
return {'OPEN', ARGV[1]}
