-- Removes an object that has the expected revision; the json given is its last state.
-- KEYS, ARGV and results: commit.lua.

local refused = refuse()
if refused then
  return refused
end
local stored, conflict = expected()
if conflict then
  return conflict
end
return commit('D', stored)
