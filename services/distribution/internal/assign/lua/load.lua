-- Carries out many steps of a load, each as its own script would, so that what
-- every script begins with is paid for once.
local n = 3
while ARGV[n] do
  local step, count = ARGV[n] == 'agent' and agent or apply, tonumber(ARGV[n + 1])
  local args = {generation, now}
  for i = 1, count do args[i + 2] = ARGV[n + 1 + i] end
  step(args)
  n = n + 2 + count
end
return {'OK'}
