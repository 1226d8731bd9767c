-- Writes what a script changed: the end of every step.
book.changed = {} -- keys, and what they are to be
function book.save_items()
  for n, key in ipairs(book.keys) do
    local i, story = book.items[key], ''
    if i.late ~= '' or i.mark ~= '' or i.sh ~= '' or i.ex ~= '' or i.took ~= '' then
      story = i.late .. ';' .. i.po .. ';' .. i.mark .. ';' .. i.sh .. ';' .. i.ex .. ';' .. i.took
    end
    local raw = i.rev .. '|' .. i.st .. '|' .. i.ag .. '|' .. i.fe .. '|' .. i.q .. '|' .. i.c .. '|' .. i.fifo .. '|' .. i.ls .. '|' .. story .. '|' .. i.what
    if i.gone then
      redis.call('DEL', book.item_key(key))
    elseif i.rev ~= '' and raw ~= book.raws[n] then
      book.changed[#book.changed + 1], book.changed[#book.changed + 2] = book.item_key(key), raw
    end
  end
end

function book.save_agents()
  for _, id in ipairs(book.ids) do
    local a, rest = book.agents[id], ''
    if a.v ~= '0' or a.asked ~= '' or a.wanted ~= '0' or a.counts ~= '' or a.pl ~= '' then
      rest = a.v .. ';' .. a.asked .. ';' .. a.wanted .. ';' .. a.counts .. ';' .. a.pl
    end
    local raw = a.pres .. '|' .. a.was .. '|' .. a.since .. '|' .. a.src .. '|' .. a.stat .. '|' .. a.used .. '|' .. a.out .. '|' .. a.la .. '|' ..
      a.lr .. '|' .. a.held .. '|' .. a.turns .. '|' .. a.tot .. '|' .. a.idx .. '|' .. rest
    if raw ~= book.heard[id] then book.changed[#book.changed + 1], book.changed[#book.changed + 2] = book.agent_key(id), raw end
  end
  local args = {}
  for id, presence in pairs(book.mirror) do args[#args + 1], args[#args + 2] = id, presence end
  book.write('HSET', book.root .. 'p', args)
end


function book.save()
  book.indexed()
  for _, key in ipairs(book.gathering) do book.settled(key) end
  book.save_items()
  book.save_agents()
  for n = 1, #book.changed, 512 do redis.call('MSET', unpack(book.changed, n, math.min(n + 511, #book.changed))) end
  for q, r in pairs(book.rates) do book.write_rates(q, r) end
  if book.seq ~= book.num(known[4]) then redis.call('HSET', book.meta, 'seq', book.int(book.seq)) end
  if book.changes > 0 then redis.call('HINCRBY', book.meta, 'pv', book.changes) end
end
