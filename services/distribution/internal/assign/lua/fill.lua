-- Writes into a generation that is being loaded: commands, before each how many
-- words it has. A server that was emptied or restarted meanwhile refuses, and so
-- does one that loads or has another generation.
if opening ~= ARGV[1] then
  return redis.error_reply('EPOCH this generation is not being loaded')
end
local n = 3
while n <= #ARGV do
  local last = n + tonumber(ARGV[n])
  redis.call(unpack(ARGV, n + 1, last))
  n = last + 1
end
return {'OK'}
