-- An item that waited too long stays in its queue after all, offered to whoever
-- is free, until it is due, or for longer and longer when it does not know until
-- when.
local item, conv, since, due = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6])
local longest = 300000 -- ms after which it asks again at the latest
local h = redis.call('HMGET', item_key(item), 'st', 'conv', 'since', 'late', 'po')
if not waits[h[1]] or h[2] ~= conv or h[3] ~= since or h[4] ~= '1' then return {'OLD'} end
local pause = due - now
if due == 0 then
  pause = 2 * math.max(num(h[5]), retry)
  redis.call('HSET', item_key(item), 'po', math.min(pause, longest))
end
redis.call('HSET', item_key(item), 'late', '0')
redis.call('ZADD', timers, now + math.min(pause, longest), 'x:' .. item)
if h[1] == 'W' then
  line_up(item)
  match_item(item, false)
end
return {'OK'}
