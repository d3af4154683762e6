-- Events of one resource after a revision, from the log that all resources share. A call
-- looks at a bounded part of the log only, so that it never holds up writes for long.
--
-- ARGV  1 epoch   2 resource
--       3 revision after which to look
--       4 how many events at most
--       5 how many entries of the log to look at, at most
--       6 stop after so many bytes of values, or after looking at four times as many
--
-- Result { 1, head of the resource, revision up to which the result is complete,
--          1 when the log goes on after it else 0,
--          then per event: revision, previous, type, key, value, "<revision> <json>" before or '' }
--     or { 0, oldest revision to resume from }, compacted
--     or { -2 }, the store has another epoch

-- Entries that are read at a time: few as long as their size is unknown, then about as many as make up
-- the bytes of ARGV[6]. Reading 64 entries of a megabyte to return three of them holds Redis up for half a second.
local PROBE, CHUNK = 4, 64
local LOOKED_AT = 4

if redis.call('GET', 'epoch') ~= ARGV[1] then
  return { -2 }
end
local resource, limit, budget = ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[6])
local after = tonumber(ARGV[3])
local revision = redis.call('GET', 'rev') or '0'
local head = redis.call('HGET', 'heads', resource) or '0'
local floor = tonumber(redis.call('GET', 'floor') or '0')

-- Below the floor lies another history: the store was rolled back since.
if after >= floor and after >= tonumber(head) then
  return { 1, head, revision, 0 }
end
local first = redis.call('XRANGE', 'log', '-', '+', 'COUNT', 1)[1]
local oldest = first and tonumber(string.match(first[1], '^%d+')) - 1 or tonumber(revision)
if after < math.max(oldest, floor) then
  return { 0, string.format('%.0f', math.max(oldest, floor)) }
end

local result = { 1, head, revision, 0 }
local n, found, scanned, bytes, chunk = 4, 0, 0, 0, PROBE
local page = budget
local cursor = ARGV[3] .. '-0'
while true do
  -- All ids end in -0, so this is the next one. Redis 6.0 does not know "(" for that yet.
  local entries = redis.call('XRANGE', 'log', string.match(cursor, '^%d+') .. '-1', '+', 'COUNT', chunk)
  for _, entry in ipairs(entries) do
    cursor = entry[1]
    local fields = entry[2]
    local size = #fields[10] + #(fields[12] or '')
    bytes = bytes + size
    if fields[2] == resource then
      result[n + 1] = string.match(cursor, '^%d+')
      result[n + 2] = fields[4]
      result[n + 3] = fields[6]
      result[n + 4] = fields[8]
      result[n + 5] = fields[10]
      result[n + 6] = fields[12] or ''
      n = n + 6
      found = found + 1
      budget = budget - size
      if found >= limit or budget <= 0 then
        break
      end
    end
  end
  scanned = scanned + #entries
  local at = string.match(cursor, '^%d+')
  if #entries == 0 or tonumber(at) >= tonumber(head) then
    return result
  end
  if found >= limit or budget <= 0 or scanned >= tonumber(ARGV[5]) or bytes >= LOOKED_AT * page then
    result[3] = at
    result[4] = 1
    return result
  end
  chunk = math.max(1, math.min(CHUNK, math.floor(page * scanned / math.max(bytes, 1))))
end
