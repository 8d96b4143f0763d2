#!lua flags=no-writes
-- Readings of a session. KEYS: readings. ARGV: bytes of a row, first and last step.
local row = tonumber(ARGV[1])
local revision, first, _, life, last = place(KEYS[1], row)
if not revision then return false end
if life < 0 then return '' end
return rows(KEYS[1], row, first, tonumber(ARGV[2]), math.min(tonumber(ARGV[3]), last))
