-- Brings an item in line with a commit of its thread, whatever happened in
-- between: the one way by which capacity is freed and items are queued.
-- Answers OLD when the book already knows this revision or a later one, else
-- the state the item has now.
local given_up, item, rev, conv = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6]
local st, q, c = ARGV[7], ARGV[8], ARGV[9]
local oms, ag, fe, due, lease = ARGV[12], ARGV[13], ARGV[14], tonumber(ARGV[15]), tonumber(ARGV[16])
local highest, since = tonumber(ARGV[17]), ARGV[18]

local k = item_key(item)
local h = redis.call('HMGET', k, 'rev', 'conv', 'st', 'ag', 'fe', 'c', 'q', 'sh', 'end', 'fifo', 'queued',
  'since', 'late')
local old = {rev = h[1], conv = h[2], st = h[3], ag = h[4], fe = h[5], c = h[6], q = h[7], shown = h[8],
  mark = h[9], fifo = h[10], queued = h[11], since = h[12], late = h[13]}
if old.rev and rev <= tonumber(old.rev) then
  -- A reservation is given up against the very revision it was made on: an
  -- offer that the thread refused there, or a hold that nobody followed.
  local here = rev == tonumber(old.rev) and (old.st == 'O' or old.st == 'R' or old.st == 'P')
  if not (here and given_up == old.fe) then return {'OLD', old.st} end
end
-- The thread would refuse an offer under a fence it has passed.
if not loading and highest > num(redis.call('HGET', meta, 'seq')) then redis.call('HSET', meta, 'seq', ARGV[17]) end
if st == 'U' and due > 0 and due <= now then st = 'X' end

-- Does the reservation go on? An offer only under its own fence.
local kept = holds[old.st] and old.conv == conv and old.ag == ag and
  ((st == 'O' and old.st == 'O' and old.fe == fe) or
   ((st == 'A' or st == 'U') and (old.st ~= 'O' or old.fe == fe)))
local freed = holds[old.st] and not kept and old.ag
local held = old.st == 'A' or old.st == 'U' -- by an agent, who had taken it
if old.st == 'W' then unlist(item) end
if freed then
  if old.st == 'O' and st ~= 'A' and old.mark and old.mark ~= 'REVOKED' then
    if old.conv == conv then decline(item, freed, old.mark) end
    local f = redis.call('HMGET', agent_key(freed), 'pres', 'src')
    local here = f[1] == 'AVAILABLE' or f[1] == 'BUSY' or (f[1] == 'DO_NOT_DISTURB' and f[2] == 'LOAD')
    if here and old.mark == 'TIMED_OUT' and policy.missed then
      set_presence(freed, 'INACTIVE', '', 'MISSED', '')
    elseif here and old.mark == 'REJECTED' and policy.rejected then
      set_presence(freed, 'DO_NOT_DISTURB', '', 'REJECTED', '')
    end
  end
  give_back(freed, item, old.c)
end
-- Declines count for one stay in a queue.
if old.rev and (old.conv ~= conv or st == 'A' or st == 'U' or (st == 'W' and old.queued ~= ARGV[11])) then
  redis.call('HDEL', k, 'ex')
end
if old.fifo and old.conv ~= conv then redis.call('HDEL', k, 'fifo') end
if old.rev then redis.call('ZREM', timers, 'o:' .. item, 'u:' .. item, 'r:' .. item, 'z:' .. item) end
-- One stay in a queue goes on through any number of offers.
local stays = waits[old.st] and waits[st] and old.conv == conv and old.q == q and old.since == since
if waits[old.st] and not stays then count_out(item, old.q) end
if waits[old.st] and st == 'A' and old.conv == conv and not loading then keep_pace(old.q) end
if not loading and (st ~= 'X' or q ~= '') then drop_place(item, conv) end

if st == 'X' then
  redis.call('DEL', k)
  redis.call('HSET', k, 'rev', ARGV[5], 'conv', conv, 'st', 'X')
  redis.call('ZADD', timers, now + oblivion, 'z:' .. item)
  if freed and not loading then
    settle_presence(freed, held)
    match_agent(freed)
  end
  return {'X'}
end

redis.call('HSET', k, 'rev', ARGV[5], 'conv', conv, 'st', st, 'q', q, 'c', c, 'oms', oms, 'ag', ag, 'fe', fe,
  'queued', ARGV[11], 'since', since, 'pri', ARGV[10], 'pf', ARGV[19], 'pu', ARGV[20], 'pk', ARGV[21])
if waits[st] and not stays then count_in(item, q, since) end
if (old.mark or old.shown) and not (kept and st == 'O') then redis.call('HDEL', k, 'end', 'sh') end
if kept and old.c ~= c then
  unuse(ag, old.c)
  use(ag, c)
  reindex(ag)
end

local late = stays and old.late == '1'
if st == 'W' then
  local fifo = old.conv == conv and old.queued == ARGV[11] and old.fifo or ARGV[5]
  local wk = string.format('%016.0f', tonumber(fifo)) .. ':' .. item
  ensure_class(q, lane(q, c))
  redis.call('HSET', k, 'wk', wk, 'fifo', fifo)
  local wait = queue(q).wait
  if late and old.st ~= 'W' then
    redis.call('ZADD', timers, now, 'x:' .. item)
  elseif not (stays and old.late) and wait > 0 and since + wait <= now then
    late = true
    redis.call('HSET', k, 'late', '1')
    count_in(item, q, never)
    redis.call('ZADD', timers, now, 'x:' .. item)
  end
  if not late and (freed or loading) then line_up(item) end
elseif st == 'O' and kept then
  -- The time to answer begins when a desk shows the offer; one that no desk
  -- shows in time ends earlier.
  redis.call('ZADD', timers, old.mark and now or old.shown or due - oms, 'o:' .. item)
elseif st == 'O' and loading then
  take(ag, item, q, c)
  local a = redis.call('HMGET', agent_key(ag), 'tot', 'used', 'pres')
  local fits = a[3] and a[3] ~= 'OFFLINE' and num(a[2]) <= num(a[1])
  if not fits then redis.call('HSET', k, 'end', 'REVOKED') end
  redis.call('ZADD', timers, fits and due or now, 'o:' .. item)
elseif st == 'O' then
  -- The log holds an offer that nobody reserved: it was proposed by a
  -- generation that is gone. It is never accepted, only revoked.
  redis.call('HSET', k, 'st', 'S', 'end', 'REVOKED')
  redis.call('ZADD', timers, now, 'o:' .. item)
else
  if not kept then take(ag, item, '', c) end
  if st == 'U' and due > 0 then redis.call('ZADD', timers, due, 'u:' .. item) end
  -- Whoever holds a conversation is watched, heard of before or not.
  if not redis.call('ZSCORE', timers, 'l:' .. ag) then
    redis.call('ZADD', timers, 'NX', now + lease, 'h:' .. ag)
  end
  if not loading and not (kept and held) then settle_presence(ag, true) end
end

if not loading then
  if freed then settle_presence(freed, held) end
  if kept and old.c ~= c then
    settle_presence(ag, false)
    match_agent(ag)
  end
  if st == 'W' and freed and not late then match_item(item, true) end
  if freed then match_agent(freed) end
  if st == 'W' and not late and redis.call('HGET', k, 'st') == 'W' then
    match_item(item, false)
    if not freed and redis.call('HGET', k, 'st') == 'W' then line_up(item) end
  end
end
return {redis.call('HGET', k, 'st')}
