-- Run on every connection before any other command: finds out whether this is still the
-- store that the caller knows, and makes sure that no revision is ever given out twice.
--
-- ARGV  1 epoch that the caller knows, '' for none
--       2 highest revision that the caller has seen
--       3 highest revision it had seen when it last was sure of the epoch
--       4 epoch to give to a store that is new or has lost something
--       5 how far past the highest revision such a store is moved
--
-- Result { what, epoch, revision }, where `what` is
--   same    the store that the caller knows, or the caller knew none
--   new     an empty store, now in use
--   moved   the store had lost something: moved past every revision ever given out
--   joined  another caller has moved it, past everything that this one knew

local epoch = redis.call('GET', 'epoch')
local revision = tonumber(redis.call('GET', 'rev') or '0')
local floor = tonumber(redis.call('GET', 'floor') or '0')
local known, highest, verified = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function answer(what)
  return { what, redis.call('GET', 'epoch'), string.format('%.0f', revision) }
end

if not epoch and known == '' then
  redis.call('SET', 'epoch', ARGV[4])
  return answer('new')
end
if epoch and revision >= highest then
  if epoch == known or known == '' then
    return answer('same')
  end
  if floor >= verified then
    return answer('joined')
  end
end

revision = math.max(revision, highest) + tonumber(ARGV[5])
local text = string.format('%.0f', revision)
redis.call('SET', 'rev', text)
redis.call('SET', 'floor', text)
redis.call('SET', 'epoch', ARGV[4])
redis.call('UNLINK', 'log', 'logbytes', 'logmarks')
return answer('moved')
