-- Is the index complete? Stands in front of every script that reads or writes identities.
--
-- <prefix>#complete  "<epoch> <server>": the index has every link published before that epoch, and
--                    it was this very server process, with nothing evicted, that took them in.
--
-- A flush removes the marker. A restart or a fail-over changes the server's run_id: what it has on
-- disk, or as a replica, may lack the last links. An eviction changes the count. In all three cases
-- the index may not answer before it was rebuilt from the links on Kafka.

local function server_of_now()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
    .. ' ' .. string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')
end

local function epoch_in_force(prefix)
  local marker = redis.call('GET', prefix .. '#complete')
  if not marker then return nil end
  local epoch, server = string.match(marker, '^(%d+) (.*)$')
  if server ~= server_of_now() then return nil end
  return epoch
end

