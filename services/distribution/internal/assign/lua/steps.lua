-- Applies many commits, each as its own script would, so that what every script
-- begins and ends with is paid for once; the items are read together. Answers
-- the phases that the items have then.
local each, told, keys = tonumber(ARGV[3]), {}, {}
for n = 5, #ARGV, each do keys[#keys + 1] = book.item_key(ARGV[n]) end
for m, r in ipairs(redis.call('MGET', unpack(keys))) do
  local key = ARGV[5 + (m - 1) * each]
  if not book.items[key] then book.read(key, r or '') end
end
for n = 4, #ARGV, each do
  local reply = step_apply(unpack(ARGV, n, n + each - 1))
  told[#told + 1] = reply[#reply]
end
return told
