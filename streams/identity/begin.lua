-- May I rebuild the index? One worker at a time, for as long as it renews its claim.
--
-- ARGV  prefix, token of the asker, milliseconds a claim lasts
--
-- Returns 'complete' where there is nothing to rebuild, 'busy <links>' while somebody else does it
-- and has restored so many, 'ours' once the claim is made; the claim remembers the server.

local prefix, lock = ARGV[1], ARGV[1] .. '#rebuild'
if epoch_in_force(prefix) then return 'complete' end
if redis.call('HGET', lock, 'server') == server_of_now() then
  return 'busy ' .. (redis.call('HGET', lock, 'links') or '0')
end
redis.call('DEL', prefix .. '#complete', lock)
redis.call('HSET', lock, 'token', ARGV[2], 'server', server_of_now(), 'links', 0)
redis.call('PEXPIRE', lock, ARGV[3])
return 'ours'
