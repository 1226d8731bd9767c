-- Reserves a waiting item for the agent that rules chose. They were asked about
-- the item at this revision, and about the agent as it was at its version; what
-- must never happen is checked here, whatever they say. Answers the agent's
-- version after.
local key, conv, rev, id, version, ready, first, rule, bucket = ...
local i = book.item(key)
if i.rev ~= rev or book.conv_of(i) ~= conv or i.ls ~= 'w:' .. i.q .. ':custom' then return {'ITEM'} end
if book.queue(i.q).paused then return {'ITEM'} end
if redis.call('SISMEMBER', book.members_key(i.q), id) == 0 then return {'AGENT'} end
local a, wanted = book.agent(id), book.class(i.c)
if not book.letters[a.pres] or a.v ~= version then return {'AGENT'} end
if not book.has_room(a, wanted) then return {'FULL'} end
for _, p in ipairs(wanted.profiles) do
  if not book.limits(a)[p] then return {'FULL'} end
end
if book.declines(i.ex, id) >= 2 * policy.enough then return {'DECLINED'} end
book.offer(i, a, 'custom', {ready = ready, first = first, rule = rule, bucket = bucket})
book.indexed()
return {'OK', a.v}
