#!lua
-- Keeps checkpoints of sessions, of those that are of the history which their session has. KEYS: stats, then readings and
-- checkpoints of each. ARGV: bytes of a row; then revision, step, field and body of each. Returns 1 where it was kept.
local row = tonumber(ARGV[1])
local grown, kept = 0, {}
for i = 2, #KEYS, 2 do
  local at = 2 * i - 2
  local step = tonumber(ARGV[at + 1])
  local revision, first, _, life, last = place(KEYS[i], row)
  local sound = revision == tonumber(ARGV[at]) and life >= 0 and step >= first - 1 and step <= last
  if sound then
    local before = bytes(KEYS[i], KEYS[i + 1])
    keep(KEYS[i + 1], ARGV[at + 2], ARGV[at + 3])
    grown = grown + bytes(KEYS[i], KEYS[i + 1]) - before
  end
  kept[#kept + 1] = sound and 1 or 0
end
account(KEYS[1], grown)
return kept
