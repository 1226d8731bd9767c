-- What Meta said of a page holds for all. KEYS[1]: what is known of the page.
-- ARGV: microseconds of rest, by how much calls are stretched in thousandths, for
-- how many microseconds. A shorter rest than the one in force changes nothing.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local rest = now + tonumber(ARGV[1])
if rest > tonumber(redis.call('HGET', KEYS[1], 'rest') or '0') then
  redis.call('HSET', KEYS[1], 'rest', string.format('%.0f', rest))
end
if tonumber(ARGV[2]) > 1000 then
  redis.call('HSET', KEYS[1], 'stretch', ARGV[2], 'stretched', string.format('%.0f', now + ARGV[3]))
end
redis.call('EXPIRE', KEYS[1], 7200)
return {'0'}
