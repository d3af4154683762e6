-- One page of a range of keys as it is now.
--
-- KEYS  1 o:<resource>   2 i:<resource>
-- ARGV  1 epoch
--       2 lower and 3 upper end of the range, as ZRANGEBYLEX takes them
--       4 how many at most, -1 for all
--
-- Result { 1, revision of the store, how many follow, key, "<revision> <json>", key, ... }
--     or { -2 }, the store has another epoch

-- Arguments that unpack puts on Lua's stack, which holds some 8,000.
local BATCH = 1000

if redis.call('GET', 'epoch') ~= ARGV[1] then
  return { -2 }
end
local keys = redis.call('ZRANGEBYLEX', KEYS[2], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
local result = { 1, redis.call('GET', 'rev') or '0', 0 }
if #keys > 0 and #keys == tonumber(ARGV[4]) then
  result[3] = redis.call('ZLEXCOUNT', KEYS[2], '(' .. keys[#keys], ARGV[3])
end
local n = #result
for from = 1, #keys, BATCH do
  local to = math.min(from + BATCH - 1, #keys)
  local values = redis.call('HMGET', KEYS[1], unpack(keys, from, to))
  for i = from, to do
    result[n + 1] = keys[i]
    result[n + 2] = values[i - from + 1]
    n = n + 2
  end
end
return result
