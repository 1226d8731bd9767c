-- Puts agents into the ready lists of a generation in which everything is
-- loaded.
for n = 3, #ARGV do
  local r = room(ARGV[n])
  for q, c, far in served(r.idx) do index(r, q, c, tonumber(far)) end
end
return {'OK'}
