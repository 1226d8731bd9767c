-- In which of these queues is room for a conversation? It gets a place in the
-- first, which is kept for a while, unless it is in that queue already. Kept for
-- no time at all, nothing changes.
local key, conv, ttl = ...
local asked = {select(4, ...)}
ttl = tonumber(ttl)
local i = book.item(key)
local inside = book.waits[i.st] and book.conv_of(i) == conv and i.q
if ttl > 0 then book.drop_place(key) end
local place, out = -1, {}
for n = 1, #asked, 2 do
  local q, limit = asked[n], tonumber(asked[n + 1])
  local inside_now = redis.call('ZCARD', book.settled(book.inside_key(q))) + redis.call('ZCOUNT', book.settled(book.places_key(q)), '(' .. ARGV[2], '+inf')
  if q == inside then inside_now = inside_now - 1 end
  out[#out + 1] = inside_now
  if place < 0 and (limit == 0 or inside_now < limit) then place = #out - 1 end
end
local q = asked[1 + 2 * place]
if ttl > 0 and place >= 0 and q ~= inside then
  book.zadd(book.places_key(q), book.now + ttl, key)
  redis.call('HSET', book.places, key, q .. '/' .. conv)
  book.zadd(book.timers, book.now + ttl, 'p:' .. key)
end
table.insert(out, 1, place)
return out
