-- Takes over what administrators set for a queue. Older than known: OLD.
local q, cr, by, pri, cl, wait, ahead = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local k = queue_key(q)
local h = redis.call('HMGET', k, 'cr', 'by', 'hs')
if h[1] and tonumber(h[1]) > cr then return {'OLD'} end
redis.call('HSET', k, 'cr', ARGV[4], 'by', by, 'pri', pri, 'wt', wait, 'hs', ahead)
redis.call('ZREM', timers, 'w:' .. q)
watch_waits(q)
-- Where rules begin or end to count, all that wait are lined up anew; agents are
-- looked at soon, one after the other.
local function change_hands()
  for _, c in ipairs(redis.call('SMEMBERS', classes_key(q))) do drop_class(q, c) end
  for _, item in ipairs(redis.call('ZRANGE', inside_key(q), 0, -1)) do
    local i = redis.call('HMGET', item_key(item), 'ls', 'c')
    if i[1] and string.sub(i[1], 1, 2) == 'w:' then
      ensure_class(q, lane(q, i[2]))
      unlist(item)
      line_up(item)
    end
  end
  for _, a in ipairs(redis.call('SMEMBERS', members_key(q))) do redis.call('ZADD', timers, now, 'g:' .. a) end
end

if h[2] and h[2] ~= by then
  if h[2] == 'custom' or by == 'custom' then
    change_hands()
  else
    for _, a in ipairs(redis.call('SMEMBERS', members_key(q))) do reindex(a) end
  end
end
if h[3] and h[3] ~= ahead then
  for _, item in ipairs(redis.call('ZRANGE', inside_key(q), 0, -1)) do
    local i = redis.call('HMGET', item_key(item), 'ls', 'pri', 'queued', 'wk')
    if i[1] then redis.call('ZADD', root .. i[1], rank(q, num(i[2]), num(i[3])), i[4]) end
  end
end
for _, c in ipairs(list(cl)) do ensure_class(q, lane(q, c)) end
return {'OK'}
