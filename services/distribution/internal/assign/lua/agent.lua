-- Takes over what administrators set for an agent. Older than known: OLD.
local id, cr, tot, qs, gone, skills, profiles, day = ...
local a, k = book.agent(id), book.settings_key(id)
local h = redis.call('HMGET', k, 'cr', 'qs', 'sk')
if h[1] and tonumber(h[1]) > tonumber(cr) then return {'OLD'} end

for _, s in ipairs(book.served(a.idx)) do
  book.zrem(book.ready_key(s.q, s.c), id)
  if s.c == 'custom' then book.note_agent(a) end
end
for s in string.gmatch(h[3] or '', '([^.+]+)%.') do book.zrem(book.skill_key(s), id) end
local stays, had = {}, {}
for _, q in ipairs(book.list(qs)) do stays[q] = true end
for _, q in ipairs(book.list(h[2])) do
  had[q] = true
  if not stays[q] then redis.call('SREM', book.settled(book.members_key(q)), id) end
end
local idx = ''
for _, q in ipairs(book.list(qs)) do
  book.sadd(book.members_key(q), id)
  if not had[q] then book.set_turn(a, q, book.next_seq()) end
  for c in pairs(book.classes_of(q)) do
    local k = book.class(c)
    local far = book.serves(profiles, k) and book.distance(skills, k)
    if far then idx = idx .. q .. ';' .. c .. ';' .. far .. ',' end
  end
end
for s, v in string.gmatch(skills, '([^.+]+)%.(%d+)%.') do book.zadd(book.skill_key(s), v, id) end
a.tot, a.pl, a.limits, a.idx = tot, profiles, false, idx
redis.call('HSET', k, 'cr', cr, 'qs', qs, 'sk', skills)

if gone == '1' then
  redis.call('SREM', book.settled(book.roll), id)
  book.set_presence(a, 'OFFLINE', '', 'SESSION', '')
  book.revoke_offers(a)
  book.mirror[id] = nil
  redis.call('HDEL', book.root .. 'p', id)
  book.zrem(book.timers, 'h:' .. id)
  book.zrem(book.timers, 'd:' .. id)
  book.zadd(book.timers, book.now, 'l:' .. id)
  -- Whoever waited for the agent waits for anybody now.
  for _, t in ipairs(redis.call('ZRANGE', book.settled(book.waited_key(id)), 0, -1)) do
    local i = book.item(string.sub(t, 18))
    book.unlist(i)
    book.line_up(i)
    book.match_item(i, false)
  end
  return {'OK'}
end
book.sadd(book.roll, id)
if tonumber(day) == 0 then
  if h[1] then book.zrem(book.timers, 'd:' .. id) end
elseif not redis.call('ZSCORE', book.settled(book.timers), 'd:' .. id) then
  book.zadd(book.timers, day, 'd:' .. id)
end
if a.pres == '' then
  book.set_presence(a, 'OFFLINE', '', '', '')
else
  book.reindex(a)
  book.settle_presence(a, false)
end
book.match_agent(a)
return {'OK'}
