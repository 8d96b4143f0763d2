#!/usr/bin/env bash
# Builds the images, brings the compose file up, asks a forecast from outside the container, kills the container, starts it
# again and finds the session still there. Needs docker or podman with its compose command on PATH. Ends what it starts.
set -euo pipefail
cd "$(dirname "$0")/.."

engine=$(command -v docker >/dev/null && docker info >/dev/null 2>&1 && echo docker || echo podman)
command -v "$engine" >/dev/null || { echo "Neither docker nor podman is on PATH; install one of them." >&2; exit 1; }
if [[ $engine == docker ]]; then compose=(docker compose); format=(); else compose=(podman-compose); format=(--format docker); fi
command -v "${compose[0]}" >/dev/null || { echo "${compose[0]} is not on PATH; install it." >&2; exit 1; }

export COMPOSE_PROJECT_NAME=gatecast-test GATECAST_PORT=${GATECAST_PORT:-18080}
url=http://127.0.0.1:$GATECAST_PORT
say() { printf '\n== %s\n' "$*"; }
cleanup() { "${compose[@]}" down --volumes --timeout 5 >/dev/null 2>&1 || true; }
trap cleanup EXIT
cleanup

now() { date +%s.%N; }
await_ready() { # seconds
  local end=$((SECONDS + $1))
  until curl -fsS --max-time 2 "$url/ready" >/dev/null 2>&1; do
    ((SECONDS < end)) || { echo "the service was not ready within $1 s" >&2; "${compose[@]}" logs 2>&1 | tail -40; exit 1; }
    sleep 0.05
  done
}
container() { "$engine" ps --filter name=gatecast-test --format '{{.Names}}' | grep -v train | head -1; }
last_step() { curl -fsS "$url/v1/sessions/$1" | python3 -c 'import json, sys; print(json.load(sys.stdin)["last_step"])'; }

say "build the service image ($engine)"
"$engine" build "${format[@]}" --target service -t gatecast .
"$engine" images --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep -E '(^|/)gatecast:latest'

say "the service image has the native step, no torch, no compiler, and does not run as root"
"$engine" run --rm --entrypoint python3 gatecast -c '
import importlib.util, os, shutil
assert importlib.util.find_spec("service.runtimes._kernel"), "the native step was not compiled"
assert not any(map(shutil.which, ("cc", "gcc"))), "a compiler is in the service image"
assert importlib.util.find_spec("torch") is None, "torch is in the service image"
assert os.getuid() != 0, "the service image runs as root"
print("no torch, user id", os.getuid())'

say "one command: train the demo model, serve it"
"${compose[@]}" up -d --build
await_ready 900
curl -fsS "$url/v1/model" | python3 -c '
import json, sys
model = json.load(sys.stdin)
print(json.dumps({key: model[key] for key in ("name", "digest", "frequency", "horizon", "runtime", "durable")}, indent=1))
assert model["runtime"] == "native", "the service does not run the native step"
print("MASE", round(model["metrics"]["test"]["mase"], 3), "of the seasonal naives",
      {lag: round(naive["mase"], 3) for lag, naive in model["metrics"]["seasonal_naive"].items()})'

say "the service is nobody, may gain nothing, and writes to its journal and /tmp alone"
"$engine" exec "$(container)" python3 -c '
import os
status = dict(line.split(":", 1) for line in open("/proc/1/status").read().splitlines())
assert "0" not in status["Uid"].split(), "the service runs as root"
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd"):
    assert int(status[name], 16) == 0, f"it has capabilities: {name} {status[name]}"
assert status["NoNewPrivs"].strip() == "1", "it may gain privileges"
for place in ("/", "/home/gatecast", "/opt/gatecast", "/model"):
    try:
        open(os.path.join(place, "written"), "w")
    except OSError as refused:
        print(place, refused.strerror)
    else:
        raise SystemExit(f"{place} can be written to")
for place in ("/tmp", "/journal"):
    path = os.path.join(place, "written")
    open(path, "w").close()
    os.unlink(path)'

say "a forecast from outside the container"
curl -fsS "$url/v1/predict" -H 'content-type: application/json' \
  -d '{"series":[{"unique_id":"a","start":"2015-01-10T00:00:00","y":[17000,15800,13900,12100,10500,9100]}],"horizon":3,"quantiles":[0.1,0.5,0.9]}'

say "a session, two readings, then kill -9 and start again"
curl -fsS -X PUT "$url/v1/sessions/meter-1" -H 'content-type: application/json' \
  -d '{"history":{"start":"2015-01-10T00:00:00","y":[17000,15800,13900,12100]}}'; echo
curl -fsS "$url/v1/sessions/meter-1/observations" -H 'content-type: application/json' -d '{"step":4,"y":10500}' >/dev/null
curl -fsS "$url/v1/sessions/meter-1/observations" -H 'content-type: application/json' -d '{"step":5,"y":9100}' >/dev/null
before=$(curl -fsS "$url/v1/sessions/meter-1/forecast")
[[ $(last_step meter-1) == 5 ]]
name=$(container)
"$engine" kill --signal KILL "$name" >/dev/null
for _ in $(seq 100); do curl -fsS --max-time 1 "$url/live" >/dev/null 2>&1 || break; sleep 0.1; done
started=$(now)
"$engine" start "$name" >/dev/null
await_ready 60
printf 'from start to ready: %.2f s\n' "$(python3 -c "print($(now) - $started)")"
[[ $(last_step meter-1) == 5 ]]
after=$(curl -fsS "$url/v1/sessions/meter-1/forecast")
python3 - "$before" "$after" <<'PY'
import json, sys
before, after = (json.loads(text)["forecast"]["median"] for text in sys.argv[1:])
worst = max(abs(a - b) for a, b in zip(before, after))
assert worst <= 1e-5 * (5_000 + max(map(abs, before))), (before, after)
print(f"the session is there, its forecast the same (largest difference {worst:.2g})")
PY

say "SIGTERM ends it in order"
"$engine" stop --time 20 "$name" >/dev/null
code=$("$engine" inspect --format '{{.State.ExitCode}}' "$name")
[[ $code == 0 ]] || { echo "exit code $code" >&2; exit 1; }
say "containers: all passed"
