-- Takes over what administrators set for an agent. Older than known: OLD.
local a, cr, tot, qs, gone = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7] == '1'
local skills, profiles, day = ARGV[8], ARGV[9], tonumber(ARGV[10])
local pres, was, src, status, lease = ARGV[11], ARGV[12], ARGV[13], ARGV[14], tonumber(ARGV[15])
local k = agent_key(a)
local h = redis.call('HMGET', k, 'cr', 'qs', 'pres', 'sk', 'idx')
if h[1] and tonumber(h[1]) > cr then return {'OLD'} end

for q, c in served(h[5] or '') do
  redis.call('ZREM', ready_key(q, c), a)
  if c == 'custom' then note_agent(a) end
end
for s in string.gmatch(h[4] or '', '([^.+]+)%.') do redis.call('ZREM', skill_key(s), a) end
local stays, had = {}, {}
for _, q in ipairs(list(qs)) do stays[q] = true end
for _, q in ipairs(list(h[2])) do
  had[q] = true
  if not stays[q] then redis.call('SREM', members_key(q), a) end
end
local idx = ''
for _, q in ipairs(list(qs)) do
  redis.call('SADD', members_key(q), a)
  if not had[q] then redis.call('HSET', k, 'rr:' .. q, next_seq()) end
  for _, c in ipairs(redis.call('SMEMBERS', classes_key(q))) do
    local far = distance(skills, profiles, class(c))
    if far then idx = idx .. q .. ';' .. c .. ';' .. far .. ',' end
  end
end
for s, v in string.gmatch(skills, '([^.+]+)%.(%d+)%.') do redis.call('ZADD', skill_key(s), v, a) end
redis.call('HSET', k, 'cr', ARGV[4], 'tot', tot, 'qs', qs, 'sk', skills, 'pl', profiles, 'idx', idx)

if gone then
  redis.call('SREM', agents, a)
  set_presence(a, 'OFFLINE', '', 'SESSION', '')
  revoke_offers(a)
  redis.call('HDEL', root .. 'p', a)
  redis.call('ZREM', timers, 'h:' .. a, 'd:' .. a)
  redis.call('ZADD', timers, now, 'l:' .. a)
  -- Whoever waited for the agent waits for anybody now.
  for _, wk in ipairs(redis.call('ZRANGE', waited_key(a), 0, -1)) do
    local item = string.sub(wk, 18)
    unlist(item)
    line_up(item)
    match_item(item, false)
  end
  return {'OK'}
end
redis.call('SADD', agents, a)
if day > 0 then redis.call('ZADD', timers, 'NX', day, 'd:' .. a) else redis.call('ZREM', timers, 'd:' .. a) end
if not h[3] then
  set_presence(a, pres == '' and 'OFFLINE' or pres, was, src, status)
  if loading then redis.call('ZADD', timers, now + lease, 'h:' .. a) end
else
  reindex(a)
  settle_presence(a, false)
end
if loading then
  redis.call('ZADD', timers, now, 'g:' .. a)
else
  match_agent(a)
end
return {'OK'}
