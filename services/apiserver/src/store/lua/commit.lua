-- What all writes share; put before create.lua, update.lua and delete.lua by scripts.ts.
--
-- KEYS  1 o:<resource>  hash   key -> "<revision> <json>"
--       2 i:<resource>  zset   the keys in order, score 0
-- ARGV  1 epoch of the store that the caller knows
--       2 resource
--       3 key
--       4 json before the revision   5 json after it
--       6 lease of the fence, '' for none         7 its uid and epoch
--       8 lease whose fence is set, '' for none   9 its uid and epoch
--      10 time of expiry in epoch ms, '' for never
--      11 how many entries the log keeps     12 how many bytes of values, more or less
--      13 expected revision (update, delete)
--
-- Keys of the store as a whole have fixed names, for there is one Redis and no cluster:
-- epoch, rev, heads, fences, expiry, log, logbytes, logmarks (see redis.ts).
--
-- Results of every write:
--   { 1, revision, previous revision of the resource, "<revision> <json>" before or nil }
--   { 0, "<revision> <json>" that is there now or nil }    conflict
--   { -1 }                                                 fenced
--   { -2 }                                                 the store has another epoch

local CONFLICT, FENCED, OTHER_EPOCH = 0, -1, -2

-- Into so many parts of alike size the log is divided; the oldest is cut off when there is another.
local LOG_PARTS = 64

-- The result that refuses the write before anything else is looked at, or nil.
local function refuse()
  if redis.call('GET', 'epoch') ~= ARGV[1] then
    return { OTHER_EPOCH }
  end
  if ARGV[6] ~= '' and redis.call('HGET', 'fences', ARGV[6]) ~= ARGV[7] then
    return { FENCED }
  end
  return nil
end

-- The object as stored if it has the expected revision; else nil and the conflict.
local function expected()
  local stored = redis.call('HGET', KEYS[1], ARGV[3])
  if not stored then
    return nil, { CONFLICT }
  end
  local prefix = ARGV[13] .. ' '
  if string.sub(stored, 1, #prefix) ~= prefix then
    return nil, { CONFLICT, stored }
  end
  return stored, nil
end

-- Keeps the log small when objects are large: each part begins with a marked revision.
local function limitLog(revision, bytes)
  if redis.call('INCRBY', 'logbytes', bytes) < tonumber(ARGV[12]) / LOG_PARTS then
    return
  end
  redis.call('SET', 'logbytes', 0)
  if redis.call('RPUSH', 'logmarks', revision) > LOG_PARTS then
    -- Revisions in the log have no gaps, so entries can be counted (Redis 6.0 does not know MINID).
    redis.call('XTRIM', 'log', 'MAXLEN', revision - redis.call('LPOP', 'logmarks') + 1)
  end
end

-- Takes the next revision, writes and logs. `kind` is A, M or D. Nothing can fail after
-- the first write: Redis checks memory only before it.
local function commit(kind, before)
  local resource, key = ARGV[2], ARGV[3]
  local revision = string.format('%.0f', redis.call('INCR', 'rev'))
  local previous = redis.call('HGET', 'heads', resource) or '0'
  local value = ARGV[4] .. revision .. ARGV[5]
  redis.call('HSET', 'heads', resource, revision)

  if kind == 'D' then
    redis.call('HDEL', KEYS[1], key)
    redis.call('ZREM', KEYS[2], key)
  else
    redis.call('HSET', KEYS[1], key, revision .. ' ' .. value)
  end
  if kind == 'A' then
    redis.call('ZADD', KEYS[2], 0, key)
  end

  if ARGV[10] ~= '' and kind ~= 'D' then
    redis.call('ZADD', 'expiry', ARGV[10], resource .. ' ' .. key)
  elseif kind ~= 'A' then
    redis.call('ZREM', 'expiry', resource .. ' ' .. key)
  end
  if ARGV[8] ~= '' then
    redis.call('HSET', 'fences', ARGV[8], ARGV[9])
  end

  local id = revision .. '-0'
  if before then
    redis.call('XADD', 'log', 'MAXLEN', '~', ARGV[11], id,
      'r', resource, 'p', previous, 't', kind, 'k', key, 'o', value, 'b', before)
  else
    redis.call('XADD', 'log', 'MAXLEN', '~', ARGV[11], id,
      'r', resource, 'p', previous, 't', kind, 'k', key, 'o', value)
  end
  limitLog(revision, #value + #(before or ''))
  return { 1, revision, previous, before }
end
