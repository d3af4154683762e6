-- Objects whose time has come, with their values, earliest first.
--
-- ARGV  1 epoch   2 now, epoch ms   3 how many at most
-- Result { 1, resource, key, "<revision> <json>", resource, ... }
--     or { -2 }, the store has another epoch

if redis.call('GET', 'epoch') ~= ARGV[1] then
  return { -2 }
end
local result = { 1 }
for _, member in ipairs(redis.call('ZRANGEBYSCORE', 'expiry', '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
  local resource, key = string.match(member, '^(%S+) (.*)$')
  local n = #result
  result[n + 1] = resource
  result[n + 2] = key
  result[n + 3] = redis.call('HGET', 'o:' .. resource, key)
end
return result
