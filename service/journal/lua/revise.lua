#!lua
-- Other readings from a step on, under the next revision. KEYS: stats, readings, checkpoints, about. ARGV: bytes of a row;
-- revision and last step that the session must stand at; the step; rows; the most bytes a session may take; then a
-- checkpoint: step, field, body.
local row, revision, last, from = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local key, saved, values = KEYS[2], KEYS[3], ARGV[5]
local there, first, _, life, stands = place(key, row)
if not there then return {'unknown'} end
if life < 0 then return {'expired', stands} end
if there ~= revision or stands ~= last then return {'stale', there, stands} end
local count = #values / row
if from < first or from > last + 1 or from < 0 or (first > 0 and from + count == first) then return {'misfit', first} end
local offset = HEADER + (from - first) * row
if offset + #values > tonumber(ARGV[6]) then return {'full'} end
local before = bytes(key, saved)
if offset + #values >= call('STRLEN', key) then
  call('SETRANGE', key, 0, packed(revision + 1, first, now(), life))
  if #values > 0 then call('SETRANGE', key, offset, values) end
else
  local stay = offset > HEADER and call('GETRANGE', key, HEADER, offset - 1) or ''
  call('SET', key, packed(revision + 1, first, now(), life) .. stay .. values)
end
for _, field in ipairs(call('HKEYS', saved)) do
  local kind, step = parts(field)
  if kind == 'c' and step >= from then call('HDEL', saved, field) end
end
if ARGV[7] then
  local step = tonumber(ARGV[7])
  if step >= first - 1 and step < from + count then keep(saved, ARGV[8], ARGV[9]) end
end
account(KEYS[1], bytes(key, saved) - before)
return {'done', head(key, KEYS[4], row)}
