-- Whose are these handles? Many questions in one call, answered and linked atomically.
-- The rules stand in agents/identity/resolve.py; this must decide alike, handle for handle.
--
-- KEYS     the handle keys of all questions, one question after the other, strongest first
-- ARGV[1]  common prefix of all keys
-- ARGV[2]  namespace of customer ids, 16 bytes and "customer\n"
-- ARGV[3]  seconds a conversation's link lives
-- ARGV[4]  limits, "crm=3 email=10 ..."
-- ARGV[5]  per question "<handles>:<topic>/<partition>/<offset>", joined by newlines
--
-- A handle's value is "<customer, 36 characters><epoch>|<origin>"; the origin is the record that
-- linked it, and is empty once restored from Kafka. Until `#published` says that the records of
-- that partition have their links on Kafka, whoever uses the link has to publish it (again).
--
-- Returns  nothing at all where the index is not complete; else
--          customer ids, 36 characters each, in one text;
--          positions in KEYS of handles to be published as their customer's, of those over a limit,
--          and of those that belong to another customer; the epoch.

local prefix, namespace, lifetime = ARGV[1], ARGV[2], ARGV[3]
local epoch = epoch_in_force(prefix)
if not epoch then return false end
local customers = prefix .. 'customer:'
local start = #prefix + 1
local limits = {}
for kind, limit in string.gmatch(ARGV[4], '(%a+)=(%d+)') do
  limits[kind] = tonumber(limit)
end

local function new_customer(handle)
  local hex = redis.sha1hex(namespace .. handle)
  local variant = bit.bor(bit.band(tonumber(string.sub(hex, 17, 17), 16), 3), 8)
  return string.sub(hex, 1, 8) .. '-' .. string.sub(hex, 9, 12) .. '-5' .. string.sub(hex, 14, 16)
    .. '-' .. string.format('%x', variant) .. string.sub(hex, 18, 20) .. '-' .. string.sub(hex, 21, 32)
end

local function count_of(customer, kind)
  return tonumber(redis.call('HGET', customers .. customer, '#' .. kind) or 0)
end

local function is_conversation(key)
  return string.sub(key, start, start + 12) == 'conversation:'
end

local function fits(customer, wanted)
  for kind, count in pairs(wanted) do
    local limit = limits[kind]
    if limit and count_of(customer, kind) + count > limit then return false end
  end
  return true
end

local published = {}
local function is_published(value)
  local place, offset = string.match(value, '|(.+)/(%d+)$', 37)
  if not place then return true end
  local through = published[place]
  if not through then
    through = tonumber(redis.call('HGET', prefix .. '#published', place) or -1)
    published[place] = through
  end
  return tonumber(offset) <= through
end

local ids, linked, conflicts, over = {}, {}, {}, {}
local reported = {}
local first = 1
for count, origin in string.gmatch(ARGV[5], '(%d+):([^\n]*)') do
  count = tonumber(count)
  local values = redis.call('MGET', unpack(KEYS, first, first + count - 1))
  local customer = nil
  local anonymous = is_conversation(KEYS[first])
  local wanted = {}
  for i = 1, count do
    local value = values[i]
    if not anonymous and is_conversation(KEYS[first + i - 1]) then break end
    if value then
      local owner = string.sub(value, 1, 36)
      if next(wanted) == nil or fits(owner, wanted) then
        customer = owner
        break
      end
    else
      local kind = string.match(KEYS[first + i - 1], '^(%a+):', start)
      wanted[kind] = (wanted[kind] or 0) + 1
    end
  end
  if not customer then
    customer = new_customer(string.sub(KEYS[first], start))
  end
  local content = customer .. epoch .. '|' .. origin
  for i = 1, count do
    local value, position = values[i], first + i - 1
    local key = KEYS[position]
    if value then
      if string.sub(value, 1, 36) ~= customer then
        if not is_conversation(key) then conflicts[#conflicts + 1] = position end
      elseif not reported[key] and not is_published(value) then
        linked[#linked + 1] = position
        reported[key] = true
      end
    else
      local kind = string.match(key, '^(%a+):', start)
      local limit, had = limits[kind], 0
      if kind ~= 'conversation' then had = count_of(customer, kind) end
      if limit and had >= limit then
        over[#over + 1] = position
      else
        if kind == 'conversation' then
          redis.call('SET', key, content, 'EX', lifetime)
        else
          redis.call('SET', key, content)
          redis.call('HSET', customers .. customer, '#' .. kind, had + 1, string.sub(key, start), '')
        end
        linked[#linked + 1] = position
        reported[key] = true
      end
    end
  end
  ids[#ids + 1] = customer
  first = first + count
end
return {table.concat(ids), table.concat(linked, ' '), table.concat(over, ' '),
  table.concat(conflicts, ' '), epoch}
