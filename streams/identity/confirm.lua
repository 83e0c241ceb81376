-- The links of some batches are on Kafka: may their events go out, and rest on them?
--
-- ARGV  prefix, epoch that answered the batches, then of each its "<topic>/<partition>" and its
--       last offset
--
-- Returns 1, and remembers that links of those partitions are published through the offsets; 0
-- where another index is in force by now, or none: it may not have seen these links, so ask again.

local prefix = ARGV[1]
if epoch_in_force(prefix) ~= ARGV[2] then return 0 end
local key = prefix .. '#published'
for i = 3, #ARGV, 2 do
  local place, offset = ARGV[i], tonumber(ARGV[i + 1])
  if offset > tonumber(redis.call('HGET', key, place) or -1) then
    redis.call('HSET', key, place, offset)
  end
end
return 1
