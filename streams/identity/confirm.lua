-- The links of a batch are on Kafka: may its events go out, and rest on them?
--
-- ARGV  prefix, epoch that answered the batch, its "<topic>/<partition>", its last offset
--
-- Returns 1, and remembers that links of that partition are published through the offset; 0 where
-- another index is in force by now, or none: it may not have seen these links, so ask it again.

local prefix, place, offset = ARGV[1], ARGV[3], tonumber(ARGV[4])
if epoch_in_force(prefix) ~= ARGV[2] then return 0 end
local key = prefix .. '#published'
if offset > tonumber(redis.call('HGET', key, place) or -1) then
  redis.call('HSET', key, place, offset)
end
return 1
