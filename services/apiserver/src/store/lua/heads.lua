-- Where the store and each resource stand.
--
-- ARGV  1 epoch
-- Result { 1, revision of the store, resource, its last revision, resource, ... }
--     or { -2 }, the store has another epoch

if redis.call('GET', 'epoch') ~= ARGV[1] then
  return { -2 }
end
local heads = redis.call('HGETALL', 'heads')
return { 1, redis.call('GET', 'rev') or '0', unpack(heads) }
