-- Replaces an object that has the expected revision. KEYS, ARGV and results: commit.lua.

local refused = refuse()
if refused then
  return refused
end
local stored, conflict = expected()
if conflict then
  return conflict
end
return commit('M', stored)
