"""The Lua scripts of the ledger: every change of several keys happens whole or not at all.

Keys are built from a prefix inside the scripts, so they need one Redis, not a Redis Cluster.
"""

_END_FIRINGS = """
local function end_firings(firing, complaint, now, ends, transports)
  local ended = 0
  local entries = redis.call('HGETALL', firing)
  for i = 1, #entries, 2 do
    local name, entry = entries[i], entries[i + 1]
    if string.sub(entry, 1, 2) == '0 ' then
      for _, start in ipairs(ends) do
        if string.sub(name, 1, #start) == start then
          redis.call('HSET', firing, name, now .. string.sub(entry, 2))
          for _, transport in ipairs(transports) do
            redis.call('ZADD', transport, now, complaint .. ' ' .. name)
          end
          ended = ended + 1
          break
        end
      end
    end
  end
  return ended
end
"""

REGISTER = (
    _END_FIRINGS
    + """
-- KEYS: seen, firing, hushed. ARGV: what to do (JSON), the alert, the firing it begins.
-- Returns {0}: repeated; {2}: the end of what nobody was told; {1, names of full queues…}: taken.
local a = cjson.decode(ARGV[1])
local alert = ARGV[2]
if not redis.call('SET', KEYS[1], '1', 'NX', 'EX', a.memory_s) then return {0} end
local now = a.now
local states = {}
for i, name in ipairs(a.states) do states[i] = a.prefix .. 'due:' .. name end
local ended = end_firings(KEYS[2], a.complaint, now, a.ends, states)
if a.begins == '' and ended == 0 and redis.call('SISMEMBER', KEYS[3], a.clock) == 1 then
  return {2}
end
if a.begins ~= '' then redis.call('SREM', KEYS[3], a.clock) end
if a.begins ~= '' and #states > 0 then
  redis.call('HSET', KEYS[2], a.begins, '0 ' .. ARGV[3])
  redis.call('EXPIRE', KEYS[2], a.firing_s)
  for _, key in ipairs(states) do redis.call('ZADD', key, now, a.complaint .. ' ' .. a.begins) end
end
local reply = {1}
for _, name in ipairs(a.queues) do
  local waiting = a.prefix .. 'waiting:' .. name
  if redis.call('HLEN', waiting) >= a.waiting_max then
    reply[#reply + 1] = name
  else
    local queue = a.prefix .. 'queue:' .. name .. ':' .. a.complaint
    redis.call('HSET', waiting, a.id, '0 ' .. now .. ' ')
    redis.call('RPUSH', queue, alert)
    redis.call('ZADD', a.prefix .. 'due:' .. name, 'NX', now, a.complaint)
  end
end
return reply
"""
)

END = (
    _END_FIRINGS
    + """
-- KEYS: firing. ARGV: complaint, now, number of prefixes, prefixes…, due keys of transports….
local ends, transports = {}, {}
local count = tonumber(ARGV[3])
for i = 4, 3 + count do ends[#ends + 1] = ARGV[i] end
for i = 4 + count, #ARGV do transports[#transports + 1] = ARGV[i] end
return end_firings(KEYS[1], ARGV[1], ARGV[2], ends, transports)
"""
)

CLAIM = """
-- KEYS: due. ARGV: now, leased until, limit. Returns the members that are ours until then.
local members = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, member in ipairs(members) do redis.call('ZADD', KEYS[1], ARGV[2], member) end
return members
"""

SETTLE = """
-- KEYS: due, firing. ARGV: member, lease, next ('' = remove), name, entry to forget ('' = keep).
-- What changed while it was claimed has another score by now and is left to be sent again.
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) then return 0 end
if ARGV[3] ~= '' then
  redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
  if ARGV[5] ~= '' and redis.call('HGET', KEYS[2], ARGV[4]) == ARGV[5] then
    redis.call('HDEL', KEYS[2], ARGV[4])
  end
end
return 1
"""

POP = """
-- KEYS: queue, waiting, due, failed. ARGV: alert, id, complaint, lease, failure ('' = delivered),
-- failed_max. Takes the delivered or failed alert off its queue; the next one keeps our lease.
if redis.call('LINDEX', KEYS[1], 0) ~= ARGV[1] then return -1 end
redis.call('LPOP', KEYS[1])
redis.call('HDEL', KEYS[2], ARGV[2])
if ARGV[5] ~= '' then
  redis.call('LPUSH', KEYS[4], ARGV[5])
  redis.call('LTRIM', KEYS[4], 0, ARGV[6] - 1)
end
local left = redis.call('LLEN', KEYS[1])
if left == 0 then redis.call('ZREM', KEYS[3], ARGV[3]) end
return left
"""
