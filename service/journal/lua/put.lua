#!lua
-- Makes a session, or begins one anew under its next revision.
-- KEYS: names, order, due, stats, readings, about, checkpoints. ARGV: create, replace or either; the name; its key; the
-- revision that it must stand at, or 0; ttl; first kept step; what it was made from; rows; checkpoints: field, body.
local way, name, key, expected = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local there = call('HGET', KEYS[1], name)
if there and way == 'create' then return {'exists'} end
if not there and way == 'replace' then return {'unknown'} end
-- After a failover the count of keys may have fallen back: a key that somebody has is not given again.
if there ~= key and (there or call('EXISTS', KEYS[5], KEYS[6]) > 0) then return {'moved'} end
local revision, copies = 1, ''
if there then
  revision = place(KEYS[5], 8)
  if not revision then return redis.error_reply('DAMAGED session ' .. key .. ' has no readings under ' .. KEYS[5]) end
  if expected > 0 and expected ~= revision then return {'stale', revision} end
  revision = revision + 1
  local about = call('GET', KEYS[6]) or ''
  local line = string.find(about, '\n', 1, true)
  if line then copies = string.sub(about, line) end
end
local time, ttl = now(), tonumber(ARGV[5])
local before = bytes(KEYS[5], KEYS[7])
call('SET', KEYS[5], packed(revision, tonumber(ARGV[6]), time, ttl) .. ARGV[8])
call('SET', KEYS[6], ARGV[7] .. copies)
call('DEL', KEYS[7])
for i = 9, #ARGV, 2 do call('HSET', KEYS[7], ARGV[i], ARGV[i + 1]) end
if not there then
  call('HSET', KEYS[1], name, key)
  call('ZADD', KEYS[2], 0, name)
end
if ttl > 0 then call('ZADD', KEYS[3], time + ttl, key) else call('ZREM', KEYS[3], key) end
account(KEYS[4], bytes(KEYS[5], KEYS[7]) - before)
return {'done', revision, time, ARGV[7] .. copies}
