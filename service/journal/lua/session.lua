-- One session, as every script reads and writes it. Its readings are one string: 32 bytes of where it stands, then its
-- rows from its first kept step on. The last step is nowhere written: it follows from the length.
--   revision   first kept step   last seen   ttl, or -1 - ttl where it has expired     each a little-endian int64
-- An expired session keeps its last row, which is no reading any more. Checkpoints are the fields of a hash: c:STEP:DIGEST
-- for the two newest, b:STEP:DIGEST for bases. What it was made from is text, the copies handed out a line each below.
local call = redis.call
local HEADER = 32
local PLACE = '<i8i8i8i8'

local function packed(revision, first, seen, life)
  return struct.pack(PLACE, revision, first, seen, life)
end

-- revision, first kept step, last seen, life and last step; nothing where there is no such session
local function place(key, row)
  local head = call('GETRANGE', key, 0, HEADER - 1)
  if #head < HEADER then return nil end
  local revision, first, seen, life = struct.unpack(PLACE, head)
  if life < 0 then return revision, first, seen, life, first - 1 end
  return revision, first, seen, life, first + (call('STRLEN', key) - HEADER) / row - 1
end

local function rows(key, row, begin, first, last)
  if first < begin then first = begin end
  if last < first then return '' end
  return call('GETRANGE', key, HEADER + (first - begin) * row, HEADER + (last + 1 - begin) * row - 1)
end

local function last_row(key, row)
  if call('STRLEN', key) <= HEADER then return '' end
  return call('GETRANGE', key, -row, -1)
end

-- the place, the last row and what it was made from, as a head is read; false where there is no such session
local function head(key, about, row)
  local bare = call('GETRANGE', key, 0, HEADER - 1)
  if #bare < HEADER then return false end
  return {bare, call('STRLEN', key), last_row(key, row), call('GET', about)}
end

local function now()
  return tonumber(call('TIME')[1])
end

local function bytes(key, saved)
  local sum = call('STRLEN', key)
  for _, field in ipairs(call('HKEYS', saved)) do sum = sum + call('HSTRLEN', saved, field) end
  return sum
end

local function account(stats, difference)
  if difference ~= 0 then call('HINCRBY', stats, 'bytes', difference) end
end

local function parts(field)
  local kind, step, digest = string.match(field, '^(%a):(-?%d+):(.*)$')
  return kind, tonumber(step), digest
end

-- the newest checkpoint and the one before stay
local function keep(saved, field, body)
  local newest, newest_step
  local others = {}
  for _, other in ipairs(call('HKEYS', saved)) do
    local kind, step = parts(other)
    if kind == 'c' and other ~= field then
      if newest and step <= newest_step then
        others[#others + 1] = other
      else
        others[#others + 1] = newest
        newest, newest_step = other, step
      end
    end
  end
  for _, other in ipairs(others) do call('HDEL', saved, other) end
  call('HSET', saved, field, body)
end
