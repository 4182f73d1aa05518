SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := libs/marque_api libs/servicekit libs/tradekit libs/devstack libs/marquectl $(wildcard services/*)
READY := $(VENV)/.ready

##@ Everyday

.PHONY: help
help: ## Print the commands, grouped
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(READY) ## Install everything into .venv (run by every other target)

$(READY): requirements.lock requirements-bootstrap.lock $(addsuffix /pyproject.toml,$(PACKAGES))
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bootstrap.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation $(addprefix -e ,$(PACKAGES))
	@touch $@

##@ Contracts

.PHONY: proto
proto: $(READY) ## Generate libs/marque_api from proto/
	@$(BIN)/python tools/protos.py generate

.PHONY: lock
lock: ## Pin requirements.in into requirements.lock again
	@$(BIN)/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
		--no-emit-index-url --no-emit-find-links --quiet requirements.in -o requirements.lock
	@grep -E '^uv$$' requirements.in | $(BIN)/uv pip compile --no-config --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate --no-emit-index-url --no-emit-find-links --quiet - -c requirements.lock -o requirements-bootstrap.lock
