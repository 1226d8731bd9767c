-- A turn of one kind for a page (GCRA). KEYS[1]: what is known of the page.
-- ARGV: kind, microseconds between calls, calls at once, longest wait, whether
-- it counts for the inbox. Gives: how long the page rests; how long the caller
-- waits for its turn, below 0 when it got none; whether the inbox stalls.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local kind, interval, burst, longest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local known = redis.call('HMGET', KEYS[1], 'rest', 'stretch', 'stretched', kind, 'inbox')
local function number(i) return tonumber(known[i] or '0') end
local function keep(field, value) redis.call('HSET', KEYS[1], field, string.format('%.0f', value)) end

if ARGV[5] == '1' and number(1) > now then
  return {string.format('%.0f', number(1) - now), '0', '0'}
end
if ARGV[5] == '1' and number(3) > now then
  interval = interval * number(2) / 1000
end
local due = math.max(number(4), now)
local wait = math.max(0, due - now - interval * (burst - 1))
if wait > longest then
  return {'0', string.format('%.0f', -longest), '0'}
end
keep(kind, due + interval)
local stalls = '0'
if ARGV[5] == '1' then
  local inbox = math.max(number(5), now + wait)
  if inbox - now - wait > 25000 * 39 then
    stalls = '1'
  else
    keep('inbox', inbox + 25000)
  end
end
redis.call('EXPIRE', KEYS[1], 7200)
return {'0', string.format('%.0f', wait), stalls}
