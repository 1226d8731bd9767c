-- Every script begins with this. What a server holds belongs to a history. A
-- restart and a promotion begin another one, with whatever was kept of the one
-- before, and nothing in the data tells what is missing. So a generation is
-- believed in the history it was begun in and in no other.
local here
do
  local info = redis.pcall('INFO', 'replication')
  if type(info) == 'string' then
    here = string.match(info, 'master_replid:(%x+)')
  elseif string.find(info.err, 'is not supported', 1, true) then
    here = 'embedded' -- that server keeps nothing beyond its process
  end
  if not here then return redis.error_reply('HISTORY INFO replication names no master_replid: ' .. (info.err or 'too old a server')) end
end
local known = redis.call('HMGET', KEYS[1], 'ep', 'nx', 'hi', 'seq')
local epoch, opening = known[1], known[2]
if known[3] ~= here then epoch, opening = false, false end
