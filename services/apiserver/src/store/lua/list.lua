-- One page of a range of keys as it is now.
--
-- KEYS  1 o:<resource>   2 i:<resource>
-- ARGV  1 epoch
--       2 lower and 3 upper end of the range, as ZRANGEBYLEX takes them
--       4 how many at most, -1 for all
--       5 stop after so many bytes of values, with one object at least; -1 for never
--
-- Result { 1, revision of the store, how many follow, key, "<revision> <json>", key, ... }
--     or { -2 }, the store has another epoch

-- Arguments that unpack puts on Lua's stack, which holds some 8,000.
local BATCH = 1000
-- Values that are read at a time where their bytes are counted.
local COUNTED_BATCH = 50

if redis.call('GET', 'epoch') ~= ARGV[1] then
  return { -2 }
end
local keys = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
local result = { 1, redis.call('GET', 'rev') or '0', 0 }
local budget = tonumber(ARGV[5])
local batch = budget < 0 and BATCH or COUNTED_BATCH
local n, taken, bytes = #result, 0, 0
for from = 1, #keys, batch do
  if budget >= 0 and bytes >= budget then
    break
  end
  local to = math.min(from + batch - 1, #keys)
  local values = redis.call('HMGET', KEYS[1], unpack(keys, from, to))
  for i = from, to do
    local value = values[i - from + 1]
    if budget >= 0 and bytes >= budget then
      break
    end
    result[n + 1] = keys[i]
    result[n + 2] = value
    n, taken, bytes = n + 2, i, bytes + #value
  end
end
if taken > 0 and (taken < #keys or taken == tonumber(ARGV[4])) then
  result[3] = redis.call('ZLEXCOUNT', KEYS[2], '(' .. keys[taken], ARGV[3])
end
return result
