# Gatecast. `make` lists the targets; each sets up its own virtual environment on a machine with Python 3.11.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
RUN    ?= runs/taxi
BUNDLE ?= $(RUN).bundle
PORT   ?= 8000
JOBS   ?= 2
TAXI   := datasets/bundled/nyc_taxi.csv

.DEFAULT_GOAL := help
.PHONY: help run test test-parts test-page static count explore pictures chaos soak fuzz check format bench bench-accuracy bench-peers cuda test-cuda exports observe docs audit sbom scale containers triton perf-analyzer clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(BUNDLE)/manifest.json ## train on the bundled taxi data, export, verify, serve: a live forecast on port 8000
	$(BIN)/gatecast verify $(BUNDLE)
	$(BIN)/gatecast serve $(BUNDLE) --port $(PORT) --journal sqlite:var/journal.sqlite

$(RUN)/better: | $(VENV)/installed
	$(BIN)/gatecast train $(TAXI) --horizon 48 --out $(RUN) --steps 300 --replace --require-better
	@touch $@

$(BUNDLE)/manifest.json: $(RUN)/better
	$(BIN)/gatecast export $(RUN) --out $(BUNDLE)

test: $(VENV)/installed ## run all tests, two at a time (JOBS); those of Redis, Prometheus and the page are skipped, by name, where these are missing
	@$(MAKE) test-parts
	@$(MAKE) test-page

test-parts: $(VENV)/installed
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -rs --ignore=tests/browser

test-page: $(VENV)/installed # by itself: a browser's event loop is in the way of other tests
	$(BIN)/python -m pytest -rs tests/browser

static: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

check: export GATECAST_TEST_EVERYTHING = 1
check: $(VENV)/installed ## what CI runs: style, types, import rules, tests, dead links; warnings are errors
	@$(MAKE) -j2 --output-sync=target static test-page
	@$(MAKE) test-parts
	@$(MAKE) docs

format: $(VENV)/installed ## lay out the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed ## run the benchmarks, and enter those of the running service into bench/RESULTS.md
	$(BIN)/python -m bench
	$(BIN)/python -m bench.service --write

bench-accuracy: $(VENV)/installed ## take every figure of forecast quality, other libraries beside it (GATECAST_DATA; hours; goes on if cut off), into bench/RESULTS.md
	$(BIN)/python -m bench.accuracy --peers --keep var/accuracy --write
	$(BIN)/python -m bench.accuracy.race --write

bench-peers: $(VENV)/installed ## install Gatecast's peers into .peers (2 to 6 GB), run them beside it and enter what was found into bench/RESULTS.md
	$(BIN)/python -m bench.peers --write

count: $(VENV)/installed ## count the instructions of an ordinary frame and write them to tests/guard, after a change that is meant
	$(BIN)/python -m tests.guard.count --write

explore: $(VENV)/installed ## run the tests with other random examples than every time
	$(BIN)/python -m pytest --hypothesis-profile=explore

pictures: $(BUNDLE)/manifest.json ## look at the page in a real browser as `make run` shows it, and leave pictures in var/pictures
	GATECAST_PICTURES_OF=$(BUNDLE) $(BIN)/python -m pytest tests/browser/test_looks.py

chaos: $(VENV)/installed ## kill a loaded service 200 times for each journal, and write what was found to bench/CHAOS.md
	$(BIN)/python -m tests.chaos --write

soak: $(VENV)/installed ## load a service for an hour and see that its memory and handles stay level; into bench/SOAK.md
	$(BIN)/python -m tests.chaos.soak --write

fuzz: $(VENV)/installed ## send a service a million malformed frames, and draw many more requests and sequences; into bench/FUZZ.md
	$(BIN)/python -m tests.fuzz --write
	$(BIN)/python -m pytest --hypothesis-profile=fuzz --timeout 3600 tests/fuzz tests/api/test_fuzz.py

triton: $(VENV)/installed ## hold a real Triton to the same contract as ours (installs it into .peers, 1 GB)
	GATECAST_OIP=triton $(BIN)/python -m pytest tests/oip/contract

perf-analyzer: $(VENV)/installed ## Triton's load generator against us and Triton, into bench/RESULTS.md; GATECAST_PERF_ANALYZER names the program
	$(BIN)/python -m bench.perf_analyzer --write

cuda: $(VENV)/installed ## check the CUDA path, on a machine with a CUDA device and a torch that sees it
	$(BIN)/python -m pytest tests/cuda --override-ini "addopts=-q --strict-markers --strict-config --import-mode=importlib"

test-cuda: cuda ## the same

exports: $(VENV)/installed ## hold whole bundles of every architecture against every runtime; takes minutes
	$(BIN)/python -m pytest tests/exports --timeout 1800 --override-ini "addopts=-q --strict-markers --strict-config --import-mode=importlib"

observe: $(VENV)/installed ## hold alerts and dashboard against a real Prometheus over a running service, which is installed if it is missing
	@.ci/need prometheus prometheus
	$(BIN)/python -m pytest tests/observe

audit: ## hold the pinned packages against known vulnerabilities; wants a network, and exits with 75 where it has none
	@test -x $(VENV)-audit/bin/pip-audit || { $(PYTHON) -m venv $(VENV)-audit && \
	  $(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check -r .ci/audit.txt; } || \
	  { echo "NOTHING WAS CHECKED: pip-audit could not be installed. Is there a network?"; exit 75; }
	@$(VENV)-audit/bin/python .ci/audit.py

docs: ## build the documentation as a site into var/site; a dead link is an error
	@test -x $(VENV)-docs/bin/mkdocs || { $(PYTHON) -m venv $(VENV)-docs && \
	  $(VENV)-docs/bin/python -m pip install --quiet --disable-pip-version-check -r docs/site/requirements.txt; }
	@$(PYTHON) docs/site/stage.py var/docs
	@NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/mkdocs build -f docs/site/mkdocs.yml && echo "var/site/index.html"

sbom: ## write what the service's image installs, with versions and licences, to sbom.cdx.json (CycloneDX); wants a network
	@test -x $(VENV)-sbom/bin/cyclonedx-py || { $(PYTHON) -m venv $(VENV)-sbom && \
	  $(VENV)-sbom/bin/python -m pip install --quiet --disable-pip-version-check -r .ci/sbom.txt; }
	@rm -rf $(VENV)-image && $(PYTHON) -m venv $(VENV)-image
	@$(VENV)-image/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt '.[grpc,redis,otel]'
	@$(VENV)-image/bin/python -m pip uninstall --quiet --yes pip setuptools
	@$(VENV)-sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible \
	  --output-format JSON --output-file sbom.cdx.json $(VENV)-image/bin/python
	@rm -rf $(VENV)-image && echo "sbom.cdx.json"

scale: $(VENV)/installed ## three replicas over one Redis in containers, behind a balancer: kill, stop and add under load, then look at all
	PYTHON=$(CURDIR)/$(BIN)/python tests/scale.sh

containers: ## build the images, run the compose file, kill it and find the session again
	tests/containers.sh

clean: ## remove the virtual environment, trained runs and the journal
	rm -rf $(VENV) runs var

$(VENV)/installed: pyproject.toml setup.py $(wildcard service/runtimes/kernel/*) client/pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Gatecast needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 …")'
	@echo "Setting up $(VENV) (once; a minute or two) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e client -e '.[dev]'
	@touch $@
