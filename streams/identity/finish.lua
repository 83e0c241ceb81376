-- Every link that was on Kafka is here: from now on the index answers, under a new epoch.
--
-- ARGV  prefix, token of the claim, epoch
--
-- Returns 1; 0 where the claim is lost, or where this is another server, or has evicted something.

local prefix, lock = ARGV[1], ARGV[1] .. '#rebuild'
local server = server_of_now()
if redis.call('HGET', lock, 'token') ~= ARGV[2] or redis.call('HGET', lock, 'server') ~= server then
  return 0
end
redis.call('SET', prefix .. '#complete', ARGV[3] .. ' ' .. server)
redis.call('DEL', lock)
return 1
