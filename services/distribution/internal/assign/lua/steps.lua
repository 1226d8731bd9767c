-- Applies many commits, each as its own script would, so that what every script
-- begins and ends with is paid for once; the items are read together. Answers
-- the phases that the items have then.
local told, names, keys = {}, {}, {}
for n = 3, #ARGV do
  local key = string.match(ARGV[n], '^[^|]*')
  names[n - 2], keys[n - 2] = key, book.item_key(key)
end
for n, raw in ipairs(redis.call('MGET', unpack(keys))) do
  if not book.items[names[n]] then book.read(names[n], raw or '') end
end
for n = 3, #ARGV do
  local reply = step_apply(ARGV[n])
  told[n - 2] = reply[#reply]
end
return told
