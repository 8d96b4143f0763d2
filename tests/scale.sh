#!/usr/bin/env bash
# Brings up `--profile scale` of the compose file: three replicas over one Redis, behind a balancer. Under load a replica is
# killed, Redis is stopped for longer than the replicas wait, killed and started again, and a fourth replica comes. Then every
# session is looked at. Needs docker or podman with its compose command on PATH, and a Python with the package and its
# client (PYTHON; `make scale` gives its own). Ends what it starts; KEEP_MODEL=1 keeps the trained model for the next run.
# bench/SCALE.md has what it printed last.
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-.venv/bin/python}
engine=$(command -v docker >/dev/null && docker info >/dev/null 2>&1 && echo docker || echo podman)
command -v "$engine" >/dev/null || { echo "Neither docker nor podman is on PATH; install one of them." >&2; exit 1; }
if [[ $engine == docker ]]; then compose=(docker compose); format=(); between=-; else compose=(podman-compose); format=(--format docker); between=_; fi
command -v "${compose[0]}" >/dev/null || { echo "${compose[0]} is not on PATH; install it." >&2; exit 1; }

project=gatecast-test
export COMPOSE_PROJECT_NAME=$project GATECAST_SCALE_PORT=${GATECAST_SCALE_PORT:-18090} GATECAST_REDIS_TIMEOUT_MS=1000
url=http://127.0.0.1:$GATECAST_SCALE_PORT
folder=$(mktemp -d)
load=
said=$SECONDS
say() { printf '\n[%3d s] %s\n' "$((SECONDS - said))" "$*"; }
name() { echo "$project$between$1$between$2"; } # service, number
down() {
  "$engine" rm -f "$(name replica 4)" >/dev/null 2>&1 || true # the one that is not in the file
  "${compose[@]}" --profile scale down --timeout 5 >/dev/null 2>&1 || true
  for volume in redis journal $([[ -n ${KEEP_MODEL:-} ]] || echo model); do
    "$engine" volume rm -f "${project}_$volume" >/dev/null 2>&1 || true
  done
}
cleanup() {
  [[ -z $load ]] || kill "$load" 2>/dev/null || true
  down
  rm -rf "$folder"
}
trap cleanup EXIT

goes_on() { # until so many more calls of streams and requests were answered
  local calls requests more again end=$((SECONDS + ${2:-60}))
  read -r calls requests again < "$folder/progress"
  local want_calls=$((calls + $1)) want_requests=$((requests + $1))
  while ((calls < want_calls || requests < want_requests)); do
    kill -0 "$load" 2>/dev/null || { echo "the load has ended" >&2; exit 1; }
    ((SECONDS < end)) || { echo "the load does not go on" >&2; "${compose[@]}" --profile scale logs 2>&1 | tail -40; exit 1; }
    sleep 0.2
    read -r calls requests again < "$folder/progress"
  done
  echo "  answered so far: $calls calls of streams, $requests requests; made again by who posts: $again"
}
readings_of() { # of a replica, since it started
  "$engine" exec "$(name replica "$1")" python3 -c '
from urllib.request import urlopen
lines = urlopen("http://127.0.0.1:8000/metrics").read().decode().splitlines()
print(int(float(next(line for line in lines if line.startswith("gatecast_readings_total")).split()[1])))'
}
each_replica() { for number in "$@"; do echo "  replica $number has taken $(readings_of "$number") readings"; done; }

say "build ($engine)"
down
for target in service balancer; do
  image=${project}$([[ $engine == docker ]] && echo - || echo _)$([[ $target == service ]] && echo replica || echo balancer)
  "$engine" build "${format[@]}" --target "$target" -t "$image" . >"$folder/build.log" 2>&1 || { tail -20 "$folder/build.log" >&2; exit 1; }
done

say "up: three replicas, Redis, a balancer (the model is trained first, where it is not there)"
"${compose[@]}" --profile scale up -d balancer >"$folder/up.log" 2>&1 || { tail -20 "$folder/up.log" >&2; exit 1; }
end=$((SECONDS + 900))
for number in 1 2 3; do
  until readings_of "$number" >/dev/null 2>&1; do
    ((SECONDS < end)) || { echo "replica $number does not come" >&2; "${compose[@]}" --profile scale logs 2>&1 | tail -40; exit 1; }
    sleep 0.5
  done
done
until curl -fsS --max-time 2 "$url/ready" >/dev/null 2>&1; do sleep 0.2; done
curl -fsS "$url/v1/model" | "$PYTHON" -c '
import json, sys
model = json.load(sys.stdin)
print("  ", {key: model[key] for key in ("name", "runtime", "durable", "workers")})'

"$PYTHON" -m tests.chaos.balanced "$url" "$folder" >"$folder/load.log" 2>&1 &
load=$!
until [[ -s $folder/progress ]]; do kill -0 "$load" || { cat "$folder/load.log" >&2; exit 1; }; sleep 0.1; done
say "load through the balancer"
goes_on 100
each_replica 1 2 3

say "kill -9 of replica 1"
"$engine" kill --signal KILL "$(name replica 1)" >/dev/null
goes_on 100

say "Redis stopped for 5 s; the replicas wait 1 s for it"
"$engine" kill --signal STOP "$(name redis 1)" >/dev/null
sleep 4
curl -sS --max-time 3 "$url/ready" -o /dev/null -w '  /ready of the balancer: %{http_code}\n' || true
sleep 1
"$engine" kill --signal CONT "$(name redis 1)" >/dev/null
goes_on 100

say "kill -9 of Redis, and its start"
"$engine" kill --signal KILL "$(name redis 1)" >/dev/null
"$engine" start "$(name redis 1)" >/dev/null
goes_on 100

say "replica 1 comes back, and a fourth one comes"
! "$engine" inspect "$(name replica 4)" >/dev/null 2>&1 || { echo "there was a fourth one before" >&2; exit 1; }
"$engine" start "$(name replica 1)" >/dev/null
if [[ $engine == docker ]]; then
  "${compose[@]}" --profile scale up -d --no-recreate --scale replica=4 balancer >"$folder/up.log" 2>&1
else # its compose would make the balancer anew; it may make that one container alone
  "${compose[@]}" --profile scale up -d --no-recreate --no-deps --scale replica=4 replica >"$folder/up.log" 2>&1
fi || { tail -20 "$folder/up.log" >&2; exit 1; }
until [[ $(readings_of 4 2>/dev/null || echo 0) -gt 0 && $(readings_of 1 2>/dev/null || echo 0) -gt 0 ]]; do goes_on 5; sleep 1; done
goes_on 100
each_replica 1 2 3 4

say "SIGTERM to replica 2"
"$engine" stop --time 20 "$(name replica 2)" >/dev/null
echo "  exit code $("$engine" inspect --format '{{.State.ExitCode}}' "$(name replica 2)")"
goes_on 100

say "the load ends, and everything is looked at"
kill -TERM "$load"
wait "$load" || { tail -20 "$folder/load.log" >&2; load=; exit 1; }
load=
sed 's/^/  /' "$folder/load.log"
network=$("$engine" inspect --format '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}' "$(name redis 1)")
"$engine" run --rm -i --network "$network" --entrypoint python3 "$("$engine" inspect --format '{{.Image}}' "$(name replica 3)")" -c '
import json, sys
from service.journal import open_journal
expected = json.load(sys.stdin)
journal = open_journal("redis://redis:6379/0", 1, "30min")
assert sorted(journal.names()) == sorted(expected), journal.names()
for name, values in expected.items():
    head = journal.head(name)
    recorded = journal.readings(head.key, 0, 10**9)[:, 0].tolist()
    assert recorded == values, f"{name}: {len(recorded)} readings are there, {len(values)} were acknowledged"
print(f"  the journal has all {sum(map(len, expected.values())):,} readings of {len(expected)} sessions, each once and in order")
' < "$folder/sessions.json"
say "scale: all passed"
