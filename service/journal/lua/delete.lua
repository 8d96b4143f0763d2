#!lua flags=allow-oom
-- Forgets a session. KEYS: names, order, due, stats, readings, about, checkpoints. ARGV: the name, its key.
local there = call('HGET', KEYS[1], ARGV[1])
if not there then return {'unknown'} end
if there ~= ARGV[2] then return {'moved'} end
account(KEYS[4], -bytes(KEYS[5], KEYS[7]))
call('HDEL', KEYS[1], ARGV[1])
call('ZREM', KEYS[2], ARGV[1])
call('ZREM', KEYS[3], ARGV[2])
call('DEL', KEYS[5], KEYS[6], KEYS[7])
return {'done'}
