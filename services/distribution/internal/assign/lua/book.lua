-- What every transition shares. KEYS[1] is the hash {g}:m, which exists as long
-- as the group does. ARGV[1] is the generation to load into, empty for the one
-- in force; ARGV[2] is the time in ms.
--
-- Two servers run this text, so: numbers that may pass 10^14 (scores) are spelled
-- by book.int and never by '..'; strings are compared for equality only, because
-- '<' asks the locale; a set is sorted before its order can matter; nothing is
-- written before everything is checked.
--
-- What is shared lies in one table and not in locals: for every function that a
-- script makes, the server searches all locals that functions have taken up.
book.meta, book.generation, book.now = KEYS[1], ARGV[1], tonumber(ARGV[2])
book.loading = book.generation ~= ''
if book.loading then
  if opening ~= book.generation then
    return redis.error_reply('EPOCH this generation is not being loaded')
  end
  epoch = book.generation
elseif not epoch then
  return redis.error_reply('EPOCH there is none')
end

book.root = string.sub(book.meta, 1, -2) .. epoch .. ':'
book.timers, book.outbox, book.roll, book.news = book.root .. 't', book.root .. 'out', book.root .. 'as', book.root .. 'cn'
book.burst = 64          -- offers that one script makes to one agent
book.shown = 5           -- of those who could have taken an item, it tells of so many
book.glance = 16         -- items it looks at behind one its agent declined
book.retry = 5000        -- ms after which an unheeded timer speaks again
book.oblivion = 3600000  -- ms for which a finished item is remembered
book.unused = 86400000   -- ms after which a class that needs skills is dropped
book.holds = {O = true, A = true, U = true, R = true, P = true}
book.waits = {W = true, O = true, S = true, P = true} -- in a queue: no agent has it yet
book.timed = {O = 'o:', S = 'o:', U = 'u:', R = 'r:', P = 'r:', X = 'z:'} -- the timer of each phase
book.never = 9007199254740991 -- 2^53 - 1
book.none = {}

function book.agent_key(a) return book.root .. 'a:' .. a end
function book.item_key(i) return book.root .. 'i:' .. i end
function book.queue_key(q) return book.root .. 'q:' .. q end
function book.members_key(q) return book.root .. 'q:' .. q .. ':a' end
function book.classes_key(q) return book.root .. 'q:' .. q .. ':c' end
function book.inside_key(q) return book.root .. 'n:' .. q end
function book.places_key(q) return book.root .. 'pl:' .. q end
function book.rates_key(q) return book.root .. 'pa:' .. q end
function book.settings_key(a) return book.root .. 's:' .. a end
function book.skill_key(s) return book.root .. 'sk:' .. s end
function book.waiting_key(q, c) return book.root .. 'w:' .. q .. ':' .. c end
function book.ready_key(q, c) return book.root .. 'r:' .. q .. ':' .. c end
function book.waited_key(a) return book.root .. 'wa:' .. a end

function book.num(v) return tonumber(v or 0) or 0 end

function book.list(s)
  local out = {}
  for part in string.gmatch(s or '', '[^,]+') do out[#out + 1] = part end
  return out
end

-- What administrators set for a queue, read once in a script.
book.queues = {}
function book.queue(q)
  local s = book.queues[q]
  if not s then
    local h = redis.call('HMGET', book.queue_key(q), 'by', 'pri', 'wt', 'hs', 'ps')
    s = {by = h[1] or '', pri = book.num(h[2]), wait = book.num(h[3]), ahead = book.num(h[4]), paused = (h[5] or '') ~= ''}
    book.queues[q] = s
  end
  return s
end

-- One counter gives fences and the order of events, so no two are ever equal.
book.seq = book.num(known[4])
function book.next_seq()
  book.seq = book.seq + 1
  return string.format('%d', book.seq)
end

-- How often an agent declined an item, in halves: two for each time it said no
-- or nothing, and one more once the offer never reached its desk.
function book.declines(ex, a)
  if ex == '' then return 0 end
  for name, n in string.gmatch(ex, '([^,:]+):(%d+)') do
    if name == a then return tonumber(n) end
  end
  return 0
end

function book.decline(i, a, outcome)
  local out, seen = {}, false
  local function worse(n)
    if outcome ~= 'UNDELIVERED' then return n + 2 end
    return n + 1 - n % 2
  end
  for name, n in string.gmatch(i.ex, '([^,:]+):(%d+)') do
    if name == a then n, seen = worse(tonumber(n)), true end
    out[#out + 1] = name .. ':' .. n
  end
  if not seen then out[#out + 1] = a .. ':' .. worse(0) end
  i.ex = table.concat(out, ',')
end
