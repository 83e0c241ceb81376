-- Take in links read from Kafka, any number of times and in any order: the outcome is the same.
--
-- KEYS     one handle key per link
-- ARGV[1]  common prefix
-- ARGV[2]  token of the claim (begin.lua)
-- ARGV[3]  milliseconds the claim lasts from now
-- ARGV[4]  links restored so far, for those who wait
-- ARGV[5]  per link "<customer> <epoch> <seconds it lives, 0: for ever>", joined by newlines
--
-- Of two links of a handle that with the higher epoch holds: it was made by an index that had every
-- link anybody relied on, so the other one was never relied on. A link that is here already is
-- newer than all that is read, unless it is of a lower epoch.
--
-- Returns how many links are new; -1 where the claim is lost or the server is not the one any more.

local prefix, lock = ARGV[1], ARGV[1] .. '#rebuild'
if redis.call('HGET', lock, 'token') ~= ARGV[2]
  or redis.call('HGET', lock, 'server') ~= server_of_now() then
  return -1
end
redis.call('PEXPIRE', lock, ARGV[3])
redis.call('HSET', lock, 'links', ARGV[4])

local start = #prefix + 1
local customers = prefix .. 'customer:'

local function forget(customer, handle, kind)
  local key, counted = customers .. customer, '#' .. kind
  if redis.call('HDEL', key, handle) == 1 and redis.call('HINCRBY', key, counted, -1) == 0 then
    redis.call('HDEL', key, counted)
  end
end

local position, new = 0, 0
for customer, epoch, seconds in string.gmatch(ARGV[5], '(%S+) (%d+) (%d+)') do
  position = position + 1
  local key = KEYS[position]
  local handle = string.sub(key, start)
  local kind = string.match(handle, '^(%a+):')
  local value, mine = redis.call('GET', key), tonumber(epoch)
  local owner = value and string.sub(value, 1, 36)
  local known = value and tonumber(string.match(value, '^%d+', 37) or 0)
  local same = owner == customer
  local wins = value and not same and (mine > known or (mine == known and customer < owner))
  if wins then
    forget(owner, handle, kind)
  elseif same and mine > known then
    redis.call('SET', key, customer .. epoch .. string.match(value, '|.*$', 37), 'KEEPTTL')
  end
  if wins or not value then
    if seconds == '0' then
      redis.call('SET', key, customer .. epoch .. '|')
    else
      redis.call('SET', key, customer .. epoch .. '|', 'EX', seconds)
    end
    new = new + 1
  end
  if (same or wins or not value) and kind ~= 'conversation'
    and redis.call('HSETNX', customers .. customer, handle, '') == 1 then
    redis.call('HINCRBY', customers .. customer, '#' .. kind, 1)
  end
end
return new
