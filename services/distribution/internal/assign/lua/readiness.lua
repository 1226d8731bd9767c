-- What agents are ready for. Presence AVAILABLE and BUSY hold until a
-- conversation of the agent begins or ends; then, and from then on, the load
-- says (L76, L77). Of a lost agent, was is what it was ready for, with '~' when
-- the load had said so.
book.changes, book.mirror = 0, {}
function book.set_presence(a, pres, was, src, status)
  if a.pres ~= pres or a.stat ~= status then a.since = book.int(book.now) end
  -- What the load says is not worth remembering: the load will say it again.
  if src ~= 'LOAD' or a.src ~= 'LOAD' then book.changes = book.changes + 1 end
  a.pres, a.was, a.src, a.stat = pres, was, src, status
  book.mirror[a.id] = pres .. '/' .. was .. '/' .. src .. '/' .. status
  book.reindex(a)
end

-- What the load of an agent says: nothing held, something, or no room for more.
-- An offer is no load yet.
function book.by_load(a)
  local used, tot, offered = book.num(a.used), book.num(a.tot), book.none
  if a.out ~= '0' then
    offered = {}
    for key in string.gmatch(a.held, '[^,]+') do
      local i = book.item(key)
      if i.st == 'O' then
        local k = book.class(i.c)
        used = used - k.units
        for _, p in ipairs(k.profiles) do offered[p] = (offered[p] or 0) + 1 end
      end
    end
  end
  local any, full, profiles, blocked = used > 0, used >= tot, 0, false
  local spent = 0
  for p, l in pairs(a.pl ~= '' and book.limits(a) or book.none) do
    local n = book.count(a, p) - (offered[p] or 0)
    profiles = profiles + 1
    any = any or n > 0
    if n >= l.limit then
      spent = spent + 1
      blocked = blocked or l.blocks
    end
  end
  if profiles > 0 then full = spent == profiles and (tot == 0 or full) end
  if not any then return 'AVAILABLE' end
  return (full or blocked) and 'DO_NOT_DISTURB' or 'BUSY'
end

-- Has the load say what an agent is ready for, unless somebody else has: for
-- good, or until a conversation turns: begins or ends.
function book.settle_presence(a, turns)
  local passing = a.pres == 'AVAILABLE' or a.pres == 'BUSY'
  if a.src ~= 'LOAD' and not (turns and passing) then return end
  local pres = book.by_load(a)
  if pres ~= a.pres or a.src ~= 'LOAD' then book.set_presence(a, pres, '', 'LOAD', '') end
end

function book.lose(a)
  book.set_presence(a, 'OFFLINE', a.pres .. (a.src == 'LOAD' and '~' or ''), 'LOST', a.stat)
end

function book.come_back(a)
  local pres = string.gsub(a.was, '~', '')
  book.set_presence(a, pres, '', pres == a.was and 'RETURNED' or 'LOAD', a.stat)
  book.settle_presence(a, false)
end

-- Marks the offers of an agent for revocation; the ticker commits it.
function book.revoke_offers(a)
  for _, key in ipairs(book.list(a.held)) do
    local i = book.item(key)
    if i.st == 'O' then
      if i.mark == '' then i.mark = 'REVOKED' end
      book.zadd(book.timers, book.now, 'o:' .. key)
    end
  end
end

-- Where an agent stands, for those who ask.
function book.standing(a, out)
  local load = ''
  for p, limit in string.gmatch(a.pl, '([^.+]+)%.(%d+)%.') do
    load = load .. p .. '.' .. book.count(a, p) .. '.' .. limit .. '+'
  end
  for _, v in ipairs({a.id, a.pres, a.used, a.tot, a.since, a.stat, a.src, load}) do out[#out + 1] = v end
  return out
end

function book.is_known(id) return redis.call('SISMEMBER', book.settled(book.roll), id) == 1 end
