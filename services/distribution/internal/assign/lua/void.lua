-- Ends a generation that cannot be trusted; the next one is loaded anew.
if redis.call('HGET', KEYS[1], 'ep') == ARGV[1] then redis.call('HDEL', KEYS[1], 'ep') end
return {'OK'}
