#!lua flags=no-writes
-- All of a session. KEYS: readings, about, checkpoints.
local whole = call('GET', KEYS[1])
if not whole then return false end
return {whole, call('GET', KEYS[2]), call('HGETALL', KEYS[3])}
