-- Classes, and the room that agents have for them. A class is what an item asks
-- of an agent: "2/AB/=bg.3+de.1/vip" is two units, available or busy, two skills
-- at least so well (after '~': as near as can be, by level), one capacity
-- profile.
book.letters = {AVAILABLE = 'A', BUSY = 'B', DO_NOT_DISTURB = 'D', AWAY = 'W'}

-- A queue that assigns by rules has one class, which nobody meets here: its items
-- are proposed by whoever knows the rules, and reserved one by one.
book.classes = {custom = {units = 0, mask = '', mode = '', skills = {}, profiles = {}, custom = true}}
function book.class(c)
  local k = book.classes[c]
  if not k then
    local u, mask, mode, needs, profiles = string.match(c, '^(%d+)/(%u*)/([=~]?)([^/]*)/(.*)$')
    k = {units = tonumber(u), mask = mask, mode = mode, skills = {}, profiles = {}}
    if needs ~= '' then
      for s, v in string.gmatch(needs, '([^.+]+)%.(%d+)') do k.skills[#k.skills + 1] = {s, tonumber(v)} end
    end
    if profiles ~= '' then
      for p in string.gmatch(profiles, '[^+]+') do k.profiles[#k.profiles + 1] = p end
    end
    book.classes[c] = k
  end
  return k
end

-- The classes of a queue, read once in a script.
book.met = {}
function book.classes_of(q)
  if not book.met[q] then
    book.met[q] = {}
    for _, c in ipairs(redis.call('SMEMBERS', book.classes_key(q))) do book.met[q][c] = true end
  end
  return book.met[q]
end

-- The profiles of an agent, by name.
function book.limits(a)
  if not a.limits then
    a.limits = {}
    for p, limit, flags in string.gmatch(a.pl, '([^.+]+)%.(%d+)%.(%a*)') do
      a.limits[p] = {limit = tonumber(limit), daily = string.find(flags, 'e', 1, true), blocks = string.find(flags, 'b', 1, true)}
    end
  end
  return a.limits
end

-- The class under which a queue keeps an item of class c.
function book.lane(q, c) return book.queue(q).by == 'custom' and 'custom' or c end

-- Tells whoever knows the rules that an agent is not what it was.
function book.note_agent(a)
  book.sadd(book.news, 'a:' .. a.id)
  a.v = book.more(a.v, 1)
end

-- Has an agent room for a class now? Presence and skills are another matter.
function book.has_room(a, k)
  if k.units > 0 and book.num(a.tot) - book.num(a.used) < k.units then return false end
  if a.pl == '' then return true end
  local held = book.limits(a)
  for p, l in pairs(held) do
    if l.blocks and book.count(a, p) >= l.limit then return false end
  end
  for _, p in ipairs(k.profiles) do
    if held[p] and book.count(a, p) >= held[p].limit then return false end
  end
  return true
end

-- Does its presence allow it?
function book.ready_for(a, k)
  local letter = book.letters[a.pres]
  return letter and string.find(k.mask, letter, 1, true)
end

function book.fits(a, k) return book.ready_for(a, k) and book.has_room(a, k) end

-- Has an agent the profiles that a class counts in?
function book.serves(profiles, k)
  for _, p in ipairs(k.profiles) do
    if not string.find('+' .. profiles, '+' .. p .. '.', 1, true) then return false end
  end
  return true
end

-- How far an agent's skills are from what a class needs, 0 to 1023; nil when they
-- do not meet it.
function book.distance(skills, k)
  local under, over = 0, 0
  for _, need in ipairs(k.skills) do
    local v, level = string.match('+' .. skills .. '+', '%+' .. string.gsub(need[1], '%-', '%%-') .. '%.(%d+)%.(%d+)%+')
    if k.mode == '=' then
      if not v or tonumber(v) < need[2] then return nil end
    else
      local off = (tonumber(level) or -10) - need[2]
      under, over = under + math.max(-off, 0), over + math.max(off, 0)
    end
  end
  local n = math.max(#k.skills, 1)
  return 32 * math.ceil(under * 31 / (110 * n)) + math.ceil(over * 31 / (100 * n))
end

-- Lower comes first. Exact: everything stays below 2^53.
function book.order(a, q, k, far)
  local by, since = book.queue(q).by, book.num(a.lr)
  if by == 'rotation' then since = book.turn(a, q) end
  if k.mode == '~' then return far * 8796093022208 + since end
  if by ~= 'capacity' then return since end
  local free = book.num(a.tot) - book.num(a.used)
  if k.units == 0 then
    free = 8191
    for _, p in ipairs(k.profiles) do
      local l = book.limits(a)[p]
      if l then free = math.min(free, l.limit - book.count(a, p)) end
    end
  end
  return (8191 - math.max(0, math.min(free, 8191))) * 1099511627776 + book.num(a.la)
end

-- Whoever only has less room is where they were or nowhere, unless room is what
-- the list goes by, or turns.
function book.index(a, q, c, far, less)
  local k = book.class(c)
  if k.custom then
    book.note_agent(a)
  elseif book.fits(a, k) then
    if less and book.queue(q).by == 'active' then return end
    book.zadd(book.ready_key(q, c), book.order(a, q, k, far), a.id)
  else
    book.zrem(book.ready_key(q, c), a.id)
  end
end

-- Every class of every queue that an agent could serve: queue, class, distance.
-- Many agents could serve the same.
book.serving = {}
function book.served(idx)
  local all = book.serving[idx]
  if not all then
    all = {}
    for q, c, far in string.gmatch(idx, '([^;,]+);([^;,]+);(%d+)') do all[#all + 1] = {q = q, c = c, far = tonumber(far)} end
    book.serving[idx] = all
  end
  return all
end

-- Has an agent's entries in the ready lists brought in line with what it is,
-- before they are read and at the end. less: it took something, and nothing else
-- is new.
book.stale = {}
function book.reindex(a, less)
  if not less then
    book.stale[a] = 'all'
  elseif not book.stale[a] then
    book.stale[a] = 'less'
  end
end

function book.indexed()
  if not next(book.stale) then return end
  local all = book.stale
  book.stale = {}
  for a, what in pairs(all) do
    for _, s in ipairs(book.served(a.idx)) do book.index(a, s.q, s.c, s.far, what == 'less') end
  end
end

-- Reads who could take an item of a class, at least the first n in order, and how
-- many could: once, until the list changes.
function book.first_ready(q, c, n)
  book.indexed()
  local key = book.settled(book.ready_key(q, c))
  local found = book.found[key]
  if not found or found.asked < n then
    local list = redis.call('ZRANGE', key, '0', book.int(n - 1))
    found = {list = list, asked = n, ready = book.int(redis.call('ZCARD', key)), first = table.concat(list, ',', 1, math.min(#list, book.shown))}
    book.found[key] = found
  end
  return found
end

-- Members of a queue who may meet a class: all of them, or if skills are needed
-- those who have each well enough, beginning with the rarest.
function book.candidates(q, k)
  local members = book.settled(book.members_key(q))
  if k.mode ~= '=' then return redis.call('SMEMBERS', members) end
  local fewest, rarest
  for _, need in ipairs(k.skills) do
    local n = redis.call('ZCOUNT', book.settled(book.skill_key(need[1])), need[2], '+inf')
    if not fewest or n < fewest then fewest, rarest = n, need end
  end
  local found = book.those(redis.call('ZRANGEBYSCORE', book.skill_key(rarest[1]), rarest[2], '+inf'), 'SMISMEMBER', members, 1)
  for _, need in ipairs(k.skills) do
    if need ~= rarest then found = book.those(found, 'ZMSCORE', book.skill_key(need[1]), need[2]) end
  end
  return found
end

-- Those for whom a set answers at least so much.
function book.those(ids, command, key, least)
  local out = {}
  for n, v in ipairs(book.ask(command, ids, key)) do
    if (tonumber(v) or -1) >= least then out[#out + 1] = ids[n] end
  end
  return out
end

-- A class is made at a queue when first met there.
function book.ensure_class(q, c)
  if book.classes_of(q)[c] then return end
  book.met[q][c] = true
  redis.call('SADD', book.classes_key(q), c)
  local k = book.class(c)
  if #k.skills > 0 then book.zadd(book.timers, book.now + book.unused, 'c:' .. q .. ';' .. c) end
  local ids = book.candidates(q, k)
  book.meet(ids)
  for _, id in ipairs(ids) do
    local a = book.agent(id)
    local far = book.serves(a.pl, k) and (k.mode ~= '~' and 0 or book.distance(redis.call('HGET', book.settings_key(id), 'sk') or '', k))
    if far then
      a.idx = a.idx .. q .. ';' .. c .. ';' .. far .. ','
      book.index(a, q, c, far)
    end
  end
end

function book.drop_class(q, c)
  book.classes_of(q)[c] = nil
  redis.call('SREM', book.classes_key(q), c)
  redis.call('DEL', book.settled(book.ready_key(q, c)))
  book.found[book.ready_key(q, c)] = nil
  for _, id in ipairs(book.candidates(q, book.class(c))) do
    local a, kept = book.agent(id), ''
    for _, s in ipairs(book.served(a.idx)) do
      if s.q ~= q or s.c ~= c then kept = kept .. s.q .. ';' .. s.c .. ';' .. s.far .. ',' end
    end
    a.idx = kept
  end
end

function book.use(a, c)
  local k = book.class(c)
  if k.units > 0 then a.used = book.more(a.used, k.units) end
  for _, p in ipairs(k.profiles) do book.set_count(a, p, book.count(a, p) + 1) end
end

-- What counts for the day is not given back (L69).
function book.unuse(a, c)
  local k = book.class(c)
  if k.units > 0 then a.used = book.more(a.used, -k.units) end
  for _, p in ipairs(k.profiles) do
    local l = book.limits(a)[p]
    if not (l and l.daily) then book.set_count(a, p, book.count(a, p) - 1) end
  end
end

-- Takes capacity of an agent, for an item from queue q if it is not empty; the
-- number it returns is the fence of an offer.
function book.take(a, i, q)
  local n = book.next_seq()
  book.use(a, i.c)
  a.la, i.took = n, book.int(book.now)
  if q ~= '' then book.set_turn(a, q, n) end
  if i.st == 'O' then a.out = book.more(a.out, 1) end
  book.hold(a, i.key)
  book.reindex(a, true)
  return n
end

function book.give_back(a, i)
  book.let_go(a, i.key)
  book.unuse(a, i.c)
  book.rate(i.q, 't', book.now - book.num(i.took))
  if i.st == 'A' or i.st == 'U' then book.rate(i.q, 'n', 1) end
  if i.st == 'O' then a.out = book.more(a.out, -1) end
  a.lr = book.next_seq()
  book.reindex(a)
end
