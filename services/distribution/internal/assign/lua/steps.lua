-- Carries out many steps of one kind, each as its own script would, so that what
-- every script begins and ends with is paid for once; the items are read together.
-- Answers the last of what each would answer.
local step, each, told = ARGV[3] == 'apply' and step_apply or step_agent, tonumber(ARGV[4]), {}
local keys = {}
for n = 6, ARGV[3] == 'apply' and #ARGV or 0, each do keys[#keys + 1] = book.item_key(ARGV[n]) end
local raw = #keys > 0 and redis.call('MGET', unpack(keys)) or {}
for m, r in ipairs(raw) do
  local key = ARGV[6 + (m - 1) * each]
  if not book.items[key] then book.read(key, r or '') end
end
for n = 5, #ARGV, each do
  local reply = step(unpack(ARGV, n, n + each - 1))
  told[#told + 1] = reply[#reply]
end
return told
