#!lua
-- What the journal is; what is there stays. KEYS: its entries. ARGV: new: only if it has none yet, or missing: each that it
-- has not; then name and value of each.
if ARGV[1] == 'missing' or call('EXISTS', KEYS[1]) == 0 then
  for i = 2, #ARGV, 2 do call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return call('HGETALL', KEYS[1])
