-- Where agents stand; changes nothing.
local out = {}
for n = 3, #ARGV do
  if redis.call('SISMEMBER', agents, ARGV[n]) == 1 then standing(ARGV[n], out) end
end
return out
