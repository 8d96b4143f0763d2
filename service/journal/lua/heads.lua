#!lua flags=no-writes
-- Where sessions stand. KEYS: readings and about of each. ARGV: bytes of a row.
local found = {}
for i = 1, #KEYS, 2 do found[#found + 1] = head(KEYS[i], KEYS[i + 1], tonumber(ARGV[1])) end
return found
