-- Brings an item in line with a commit of its thread, whatever happened in
-- between: the one way by which capacity is freed and items are queued.
-- Answers OLD when the book already knows this revision or a later one, else
-- the state the item has now.
local commit, given_up = ...
local key, due, highest, rev, st, ag, fe, q, c, what =
  string.match(commit, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|(.*)$')
due = tonumber(due)

local old = book.item(key)
if old.rev ~= '' and tonumber(rev) <= tonumber(old.rev) then
  -- A reservation is given up against the very revision it was made on: an
  -- offer that the thread refused there, or a hold that nobody followed.
  local here = tonumber(rev) == tonumber(old.rev) and (old.st == 'O' or old.st == 'R' or old.st == 'P')
  if not (here and given_up == old.fe) then return {'OLD', old.st} end
end
-- The thread would refuse an offer under a fence it has passed.
if tonumber(highest) > book.seq then book.seq = tonumber(highest) end
if st == 'U' and due > 0 and due <= book.now then st = 'X' end

-- Does the reservation go on? An offer only under its own fence.
local same = old.what == what or book.conv_of(old) == string.match(what, '^[^|]*')
local kept = book.holds[old.st] and same and old.ag == ag and
  ((st == 'O' and old.st == 'O' and old.fe == fe) or
   ((st == 'A' or st == 'U') and (old.st ~= 'O' or old.fe == fe)))
local freed = book.holds[old.st] and not kept and book.agent(old.ag)
local held = old.st == 'A' or old.st == 'U' -- by an agent, who had taken it
if old.st == 'W' then book.unlist(old) end
local i = book.replace(key, rev, st, ag, fe, q, c, what)
-- One stay in a queue goes on through any number of offers.
local stays = book.waits[old.st] and book.waits[st] and same and old.q == q and (old.what == what or book.terms(old).since == book.terms(i).since)
local anew = not same or (old.what ~= what and book.terms(old).queued ~= book.terms(i).queued)
if same then i.ex, i.fifo = old.ex, old.fifo end
if stays then i.late, i.po = old.late, old.po end
if kept then i.took = old.took end
if kept and st == 'O' then i.mark, i.sh = old.mark, old.sh end
if freed then
  if old.st == 'O' and st ~= 'A' and old.mark ~= '' and old.mark ~= 'REVOKED' then
    if same then book.decline(i, freed.id, old.mark) end
    local here = freed.pres == 'AVAILABLE' or freed.pres == 'BUSY' or (freed.pres == 'DO_NOT_DISTURB' and freed.src == 'LOAD')
    if here and old.mark == 'TIMED_OUT' and policy.missed then
      book.set_presence(freed, 'INACTIVE', '', 'MISSED', '')
    elseif here and old.mark == 'REJECTED' and policy.rejected then
      book.set_presence(freed, 'DO_NOT_DISTURB', '', 'REJECTED', '')
    end
  end
  book.give_back(freed, old)
end
-- Declines count for one stay in a queue.
if st == 'A' or st == 'U' or (st == 'W' and anew) then i.ex = '' end
if book.timed[old.st] then book.zrem(book.timers, book.timed[old.st] .. key) end
if book.waits[old.st] and not stays then book.count_out(old, same and (st == 'A' or st == 'U')) end
if st ~= 'X' or q ~= '' then book.drop_place(key, book.conv_of(i)) end

if st == 'X' then
  book.bygone(i)
  book.zadd(book.timers, book.now + book.oblivion, 'z:' .. key)
  if freed then
    book.settle_presence(freed, held)
    book.match_agent(freed)
  end
  return {'X'}
end

if book.waits[st] and not stays then book.count_in(i, book.terms(i).since) end
if kept and st ~= 'O' and old.st == 'O' then book.agent(ag).out = book.more(book.agent(ag).out, -1) end
if kept and old.c ~= c then
  local mine = book.agent(ag)
  book.unuse(mine, old.c)
  book.use(mine, c)
  book.reindex(mine)
end

local late = i.late == '1'
if st == 'W' then
  if anew or i.fifo == '' then i.fifo = rev end
  book.ensure_class(q, book.lane(q, c))
  local wait = book.queue(q).wait
  if late and old.st ~= 'W' then
    book.zadd(book.timers, book.now, 'x:' .. key)
  elseif not (stays and old.late ~= '') and wait > 0 and book.terms(i).since + wait <= book.now then
    late = true
    i.late = '1'
    book.count_in(i, book.never)
    book.zadd(book.timers, book.now, 'x:' .. key)
  end
  if not late and freed then book.line_up(i) end
elseif st == 'O' and kept then
  -- The time to answer begins when a desk shows the offer; one that no desk
  -- shows in time ends earlier.
  book.zadd(book.timers, i.mark ~= '' and book.now or tonumber(i.sh) or due - book.terms(i).oms, 'o:' .. key)
elseif st == 'O' then
  -- The log holds an offer that nobody reserved: it was proposed by a
  -- generation that is gone. It is never accepted, only revoked.
  i.st, i.mark = 'S', 'REVOKED'
  book.zadd(book.timers, book.now, 'o:' .. key)
else
  local mine = book.agent(ag)
  if not kept then book.take(mine, i, '') end
  if st == 'U' and due > 0 then book.zadd(book.timers, due, 'u:' .. key) end
  -- Whoever holds a conversation is watched, heard of before or not; whoever is
  -- here, is already.
  if mine.pres == '' or mine.pres == 'OFFLINE' then
    book.settled(book.timers)
    if not redis.call('ZSCORE', book.timers, 'l:' .. ag) and not redis.call('ZSCORE', book.timers, 'h:' .. ag) then
      book.zadd(book.timers, book.now + policy.lease, 'h:' .. ag)
    end
  end
  if not (kept and held) then book.settle_presence(mine, true) end
end

if freed then book.settle_presence(freed, held) end
if kept and old.c ~= c then
  book.settle_presence(book.agent(ag), false)
  book.match_agent(book.agent(ag))
end
if st == 'W' and freed and not late then book.match_item(i, true) end
if freed then book.match_agent(freed) end
if st == 'W' and not late and i.st == 'W' then
  book.match_item(i, false)
  if not freed and i.st == 'W' then book.line_up(i) end
end
return {i.st}
