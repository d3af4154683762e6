-- Creates an object unless its key exists. KEYS, ARGV and results: commit.lua.

local refused = refuse()
if refused then
  return refused
end
local stored = redis.call('HGET', KEYS[1], ARGV[3])
if stored then
  return { CONFLICT, stored }
end
return commit('A', nil)
