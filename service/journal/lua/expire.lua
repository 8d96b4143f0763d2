#!lua flags=allow-oom
-- Lets sessions expire that are due; those that were seen since they were noted are noted for later. KEYS: stats, due, then
-- readings, about and checkpoints of each. ARGV: bytes of a row, the time, then the key of each.
local row, time = tonumber(ARGV[1]), tonumber(ARGV[2])
local gone, freed = {}, 0
for i = 3, #KEYS, 3 do
  local key, number = KEYS[i], ARGV[2 + i / 3]
  local revision, _, seen, life, last = place(key, row)
  local expired = false
  if not revision or life <= 0 then
    call('ZREM', KEYS[2], number)
  elseif seen + life > time then
    call('ZADD', KEYS[2], seen + life, number)
  else
    local before = bytes(key, KEYS[i + 2])
    call('SET', key, packed(revision + 1, last + 1, seen, -1 - life) .. last_row(key, row))
    call('DEL', KEYS[i + 2])
    call('ZREM', KEYS[2], number)
    freed = freed + bytes(key, KEYS[i + 2]) - before
    expired = head(key, KEYS[i + 1], row)
  end
  gone[#gone + 1] = expired
end
account(KEYS[1], freed)
return gone
