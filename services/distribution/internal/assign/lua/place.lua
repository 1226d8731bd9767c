-- In which of these queues is room for a conversation? It gets a place in the
-- first, which is kept for a while, unless it is in that queue already.
local item, conv, ttl = ARGV[3], ARGV[4], tonumber(ARGV[5])
local h = redis.call('HMGET', item_key(item), 'st', 'conv', 'q')
local inside = waits[h[1]] and h[2] == conv and h[3]
drop_place(item)
local place, out = -1, {}
for n = 6, #ARGV, 2 do
  local q, limit = ARGV[n], tonumber(ARGV[n + 1])
  local count = redis.call('ZCARD', inside_key(q)) + redis.call('ZCOUNT', places_key(q), '(' .. ARGV[2], '+inf')
  if q == inside then count = count - 1 end
  out[#out + 1] = count
  if place < 0 and (limit == 0 or count < limit) then place = #out - 1 end
end
local q = ARGV[6 + 2 * place]
if place >= 0 and q ~= inside then
  redis.call('ZADD', places_key(q), now + ttl, item)
  redis.call('HSET', root .. 'pl', item, q .. '/' .. conv)
  redis.call('ZADD', timers, now + ttl, 'p:' .. item)
end
table.insert(out, 1, place)
return out
