#!lua
-- Notes a copy. KEYS: about. ARGV: the line.
if call('EXISTS', KEYS[1]) == 0 then return 0 end
call('APPEND', KEYS[1], ARGV[1])
return 1
