#!lua flags=no-writes
-- The newest checkpoint up to a step and the readings after it. KEYS: readings, checkpoints. ARGV: bytes of a row; the
-- bundle's digest, or nothing; the step, or nothing; how many readings at most, or nothing; then fields of checkpoints
-- that are not sound.
local row, digest, last, most = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local revision, first, _, life, there = place(KEYS[1], row)
if not revision then return false end
if not last or last > there then last = there end
local spoilt = {}
for i = 5, #ARGV do spoilt[ARGV[i]] = true end
local best, best_step
for _, field in ipairs(call('HKEYS', KEYS[2])) do
  local _, step, made_by = parts(field)
  if step <= last and step >= first - 1 and (digest == '' or digest == made_by) and not spoilt[field] then
    if not best or step > best_step then best, best_step = field, step end
  end
end
local after = ''
if life >= 0 then
  local begin = best and best_step + 1 or first
  if most and begin + most - 1 < last then last = begin + most - 1 end
  after = rows(KEYS[1], row, first, begin, last)
end
return {revision, best or '', best and call('HGET', KEYS[2], best) or '', after}
