#!lua
-- Records runs of readings, one a session: those whose session stands just before them.
-- KEYS: stats, then the readings of each session. ARGV: bytes of a row; revision, step and rows of each run as int64;
-- the rows of all; the most bytes a session may take. Returns a character a session: 1 recorded, 0 not, 2 no room left.
local row, runs, values, most = tonumber(ARGV[1]), ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = now()
local verdicts = {}
local from, at, recorded = 1, 1, 0
for i = 2, #KEYS do
  local key, verdict = KEYS[i], '0'
  local revision, step, count
  revision, step, count, at = struct.unpack('<i8i8i8', runs, at)
  local size = count * row
  local there, first, seen, life, last = place(key, row)
  if there == revision and life >= 0 and last + 1 == step and count > 0 then
    if HEADER + (step + count - first) * row > most then
      verdict = '2'
    else
      call('APPEND', key, string.sub(values, from, from + size - 1))
      -- A session that can expire must know to the second; others only where they are listed, to the minute.
      if time - seen >= 60 or (life > 0 and time > seen) then
        call('SETRANGE', key, 16, struct.pack('<i8', time))
      end
      recorded = recorded + size
      verdict = '1'
    end
  end
  from = from + size
  verdicts[i - 1] = verdict
end
account(KEYS[1], recorded)
return table.concat(verdicts)
