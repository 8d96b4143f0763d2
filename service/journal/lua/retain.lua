#!lua flags=allow-oom
-- Lets go of the readings before a step. KEYS: stats, readings, checkpoints. ARGV: bytes of a row, revision, the step; then
-- the bases: field, body.
local row, revision, from = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local key, saved = KEYS[2], KEYS[3]
local there, first, seen, life, last = place(key, row)
if not there then return {'unknown'} end
if there ~= revision or from < first or life < 0 then return {'refused'} end
if from ~= first and from > last then return {'misfit', first, last} end
local before = bytes(key, saved)
if from > first then
  call('SET', key, packed(revision, from, seen, life) .. call('GETRANGE', key, HEADER + (from - first) * row, -1))
end
for _, field in ipairs(call('HKEYS', saved)) do
  local kind, step = parts(field)
  if kind == 'b' or step < from then call('HDEL', saved, field) end
end
for i = 4, #ARGV, 2 do call('HSET', saved, ARGV[i], ARGV[i + 1]) end
account(KEYS[1], bytes(key, saved) - before)
return {'done'}
