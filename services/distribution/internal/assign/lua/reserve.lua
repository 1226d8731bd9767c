-- Reserves a waiting item for the agent that rules chose. They were asked about
-- the item at this revision, and about the agent as it was at its version; what
-- must never happen is checked here, whatever they say. Answers the agent's
-- version after.
local item, conv, rev, a, version = ARGV[3], ARGV[4], tonumber(ARGV[5]), ARGV[6], ARGV[7]
local h = redis.call('HMGET', item_key(item), 'rev', 'conv', 'st', 'q', 'c', 'ls', 'ex')
if h[3] ~= 'W' or tonumber(h[1]) ~= rev or h[2] ~= conv or h[6] ~= 'w:' .. h[4] .. ':custom' then return {'ITEM'} end
if queue(h[4]).paused then return {'ITEM'} end
if redis.call('SISMEMBER', members_key(h[4]), a) == 0 then return {'AGENT'} end
local r, wanted = room(a), class(h[5])
if not r.letter or (redis.call('HGET', agent_key(a), 'v') or '0') ~= version then return {'AGENT'} end
if not has_room(r, wanted) then return {'FULL'} end
for _, p in ipairs(wanted.profiles) do
  if not r.profiles[p] then return {'FULL'} end
end
if declines(h[7], a) >= 2 * policy.enough then return {'DECLINED'} end
offer(item, a, 'custom', {ready = ARGV[8], first = ARGV[9], rule = ARGV[10], bucket = ARGV[11]})
return {'OK', redis.call('HGET', agent_key(a), 'v')}
