#!lua flags=no-writes
-- The checkpoints after the last reading of sessions, each as field and body. KEYS: readings and checkpoints of each.
-- ARGV: bytes of a row, the bundle's digest.
local row, digest = tonumber(ARGV[1]), ARGV[2]
local found = {}
for i = 1, #KEYS, 2 do
  local revision, _, _, _, last = place(KEYS[i], row)
  local state = false
  if revision then
    for _, kind in ipairs({'c', 'b'}) do
      local field = string.format('%s:%.0f:%s', kind, last, digest)
      local body = not state and call('HGET', KEYS[i + 1], field)
      if body then state = {field, body} end
    end
  end
  found[#found + 1] = state
end
return found
