-- A call from Lua into the server costs more than most of what it does there, and
-- to spell a number more than to spell ten words. So items and agents are read
-- once in a script, changed here, and written once, at its end, if they changed;
-- what is put into sets and sorted sets and taken out is gathered, and written
-- before the set is read and at the end. What they are made of stays the strings
-- it was read as.

-- The shortest way from a whole number to a string, exact to 2^53. Most numbers
-- are spelled again and again: times, and how many an agent has. They are kept
-- below zero: above it the embedded server takes a number for a place in a list,
-- and makes all the places before it, sixteen bytes each.
book.spelled = {}
function book.int(n)
  local s = book.spelled[-n]
  if not s then
    s = string.format('%d', n)
    book.spelled[-n] = s
  end
  return s
end

-- An item is one string: its parts, with bars between them. In no id is a bar.
-- rev, st: the revision of its thread, and its phase; ag, fe: agent and fence; q,
-- c: queue and class; fifo: the revision it was queued at; ls: the list it is in;
-- what: the rest of what the log says. Between them is, if there is any, what
-- happened to it: late is 1 when its wait is over, 0 when it was put off, then by
-- po; mark: how its offer is to end; sh: until when an offer that is shown may be
-- answered; ex: who declined it; took: since when it takes capacity.
book.items, book.keys, book.raws = {}, {}, {}

function book.read(key, raw)
  local n = #book.keys + 1
  book.keys[n], book.raws[n] = key, raw
  if raw == '' then return book.replace(key, '', '', '', '', '', '', '') end
  local rev, st, ag, fe, q, c, fifo, ls, story, what =
    string.match(raw, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|(.*)$')
  local i = book.replace(key, rev, st, ag, fe, q, c, what)
  i.fifo, i.ls = fifo, ls
  -- A book that an earlier version wrote knows nothing of took.
  if story ~= '' then i.late, i.po, i.mark, i.sh, i.ex, i.took = string.match(story .. ';', '^(.-);(.-);(.-);(.-);(.-);(%d*)') end
  return i
end

function book.item(key) return book.items[key] or book.read(key, redis.call('GET', book.item_key(key)) or '') end

-- What the log says of an item, read by those who need it: conversation, when it
-- was queued and has waited since, how long an offer lasts, priority, who is
-- waited for, until when, and whether agents pick it.
book.told = {}
function book.terms(i)
  local told = book.told[i.what]
  if not told then
    local conv, queued, since, oms, pri, pf, pu, pk =
      string.match(i.what, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)$')
    told = {conv = conv or '', queued = queued or '', since = since or '', oms = oms or '', pri = pri or '', pf = pf or '',
      pu = pu or '', pk = pk or ''}
    book.told[i.what] = told
  end
  return told
end

-- The conversation alone.
function book.conv_of(i) return string.match(i.what, '^[^|]*') end

-- Puts another item in place of one. It has sixteen parts; one more, and the
-- server would make room for thirty-two.
function book.replace(key, rev, st, ag, fe, q, c, what)
  local i = {key = key, rev = rev, st = st, ag = ag, fe = fe, q = q, c = c, fifo = '', ls = '', late = '', po = '', mark = '', sh = '',
    ex = '', took = '', what = what}
  book.items[key] = i
  return i
end

-- Nothing is left of a finished item but that it was.
function book.bygone(i) return book.replace(i.key, i.rev, 'X', '', '', '', '', book.conv_of(i) .. '|||||||') end

-- As what an item is lined up.
function book.ticket(i) return string.format('%016.0f', tonumber(i.fifo)) .. ':' .. i.key end

-- So is an agent. pres, was, since, src and stat belong to its presence; used: its
-- units; out: how many offers it has; la and lr: when it got something last, and
-- when capacity of it was freed; held: the items it holds, between commas; turns:
-- when it got something last from each queue; tot, idx: its capacity, and what it
-- could serve. The rest not all have: v, its version for rules; asked: its day
-- has ended; wanted: how many items wait for it and nobody else; counts: what it
-- has taken of profiles; pl: those it holds.
book.agents, book.ids, book.heard = {}, {}, {}

function book.agent(id) return book.agents[id] or book.hear(id, redis.call('GET', book.agent_key(id))) end

-- Reads many agents at once.
function book.meet(ids)
  local new, keys = {}, {}
  for _, id in ipairs(ids) do
    if not book.agents[id] then new[#new + 1], keys[#keys + 1] = id, book.agent_key(id) end
  end
  for n, raw in ipairs(book.ask('MGET', keys)) do book.hear(new[n], raw) end
end

function book.hear(id, raw)
  raw = raw or '|||||0|0|0|0|||0||'
  local pres, was, since, src, stat, used, out, la, lr, held, turns, tot, idx, rest = string.match(raw,
    '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|(.*)$')
  local v, asked, wanted, counts, pl = '0', '', '0', '', ''
  if rest ~= '' then v, asked, wanted, counts, pl = string.match(rest, '^(.-);(.-);(.-);(.-);(.*)$') end
  local a = {id = id, pres = pres, was = was, since = since, src = src, stat = stat, used = used, out = out, la = la, lr = lr, held = held,
    turns = turns, tot = tot, idx = idx, v = v, asked = asked, wanted = wanted, counts = counts, pl = pl, limits = false}
  book.agents[id], book.heard[id] = a, raw
  book.ids[#book.ids + 1] = id
  return a
end

function book.more(n, by) return book.int(n + by) end

-- Numbers by name in one string: ",vip:3,front:17,".
function book.named(all, name)
  local _, to = string.find(all, ',' .. name .. ':', 1, true)
  return to and tonumber(string.match(all, '^[^,]*', to + 1))
end

function book.rename(all, name, n)
  local _, to = string.find(all, ',' .. name .. ':', 1, true)
  if not to then return (all == '' and ',' or all) .. name .. ':' .. n .. ',' end
  return string.sub(all, 1, to) .. n .. string.sub(all, string.find(all, ',', to, true), -1)
end

-- What an agent has taken of a profile, and when it got something from a queue.
function book.count(a, p) return a.counts ~= '' and book.named(a.counts, p) or 0 end
function book.set_count(a, p, n) a.counts = book.rename(a.counts, p, book.int(n)) end
function book.turn(a, q) return book.named(a.turns, q) or 0 end
function book.set_turn(a, q, n) a.turns = book.rename(a.turns, q, n) end

function book.hold(a, key)
  a.held = (a.held == '' and ',' or a.held) .. key .. ','
end

function book.let_go(a, key)
  local from, to = string.find(a.held, ',' .. key .. ',', 1, true)
  if not from then return end
  a.held = string.sub(a.held, 1, from) .. string.sub(a.held, to + 1)
  if a.held == ',' then a.held = '' end
end

-- What was put into a set (true) or a sorted set (its score), or taken out of the
-- latter (false).
book.gathered, book.gathering = {}, {}
function book.gather(key, member, v)
  local g = book.gathered[key]
  if not g then
    g = {}
    book.gathered[key] = g
    book.gathering[#book.gathering + 1] = key
  end
  g[member] = v
end

function book.zadd(key, score, member)
  book.gather(key, member, type(score) == 'string' and score or book.int(score))
end
function book.sadd(key, member) book.gather(key, member, true) end
function book.zrem(key, member) book.gather(key, member, false) end

-- A call takes many arguments and not any number.
function book.ask(command, args, key)
  local out = {}
  for n = 1, #args, 512 do
    local last = math.min(n + 511, #args)
    local got = key and redis.call(command, key, unpack(args, n, last)) or redis.call(command, unpack(args, n, last))
    for _, v in ipairs(got) do out[#out + 1] = v end
  end
  return out
end

function book.write(command, key, args)
  for n = 1, #args, 512 do redis.call(command, key, unpack(args, n, math.min(n + 511, #args))) end
end

-- Writes what was gathered of a set, so that it can be read.
book.found = {} -- what was read of lists that have not changed since
function book.settled(key)
  local g = book.gathered[key]
  if not g then return key end
  book.gathered[key], book.found[key] = nil, nil
  local only, value = next(g)
  if only and next(g, only) == nil then
    if value == true then
      redis.call('SADD', key, only)
    elseif value then
      redis.call('ZADD', key, value, only)
    else
      redis.call('ZREM', key, only)
    end
    return key
  end
  local put, scored, gone = {}, {}, {}
  for member, v in pairs(g) do
    if v == true then
      put[#put + 1] = member
    elseif v then
      scored[#scored + 1] = v
      scored[#scored + 1] = member
    else
      gone[#gone + 1] = member
    end
  end
  book.write('SADD', key, put)
  book.write('ZADD', key, scored)
  book.write('ZREM', key, gone)
  return key
end
