-- Turns of one kind for a page (GCRA). KEYS[1]: what is known of the page.
-- ARGV: kind, microseconds between calls, calls at once, longest wait, whether
-- it counts for the inbox, how many turns. Gives, for each in order: how long the
-- page rests; how long the caller waits for its turn, below 0 when it got none;
-- whether the inbox stalls.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local kind, interval, burst, longest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local counts, turns = ARGV[5] == '1', tonumber(ARGV[6])
local known = redis.call('HMGET', KEYS[1], 'rest', 'stretch', 'stretched', kind, 'inbox')
local function number(i) return tonumber(known[i] or '0') end
local function text(value) return string.format('%.0f', value) end

local told = {}
local function tell(rest, wait, stalls)
  told[#told + 1], told[#told + 2], told[#told + 3] = text(rest), text(wait), stalls
end

if counts and number(1) > now then
  for _ = 1, turns do tell(number(1) - now, 0, '0') end
  return told
end
if counts and number(3) > now then
  interval = interval * number(2) / 1000
end
local due, inbox = number(4), number(5)
for _ = 1, turns do
  due = math.max(due, now)
  local wait = math.max(0, due - now - interval * (burst - 1))
  if wait > longest then
    tell(0, -longest, '0')
  else
    due = due + interval
    local stalls = '0'
    if counts then
      inbox = math.max(inbox, now + wait)
      if inbox - now - wait > 25000 * 39 then
        stalls = '1'
      else
        inbox = inbox + 25000
      end
    end
    tell(0, wait, stalls)
  end
end
redis.call('HSET', KEYS[1], kind, text(due), 'inbox', text(inbox))
redis.call('EXPIRE', KEYS[1], 7200)
return told
