# Every target does its own set-up: Python 3.11 or newer with venv, and make, are all that must be there.
PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= $(shell tests/count-workers)

.DEFAULT_GOAL := help
.PHONY: help demo test needs lint docs bench screenshots lock clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cme-gateway needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing the locked packages into .venv (about a minute, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: .venv/.installed ## Two authorities exchange notices about invented children, before your eyes
	@$(BIN)/cme-gateway demo $(ARGS)

# Hundreds of tests start a gateway as a process of its own: its modules are compiled once, whatever the environment says.
test: needs .venv/.installed ## Every test; on Debian, as root, it installs the servers that they start (SETUP=no leaves that)
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

needs:
	@test "$(SETUP)" = no || bash tests/install-needs

lint: .venv/.installed ## Formatting, lint, types, direction of imports, compose file
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

.venv/.docs-installed: requirements-docs.lock .venv/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-docs.lock
	@touch $@

docs: .venv/.docs-installed ## The documentation as a website, in site/; a broken link is a failure
	@$(BIN)/python docs/make_site.py

LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock"

lock: # Resolve the newest allowed versions into requirements.lock; of them, what runs the gateway, what builds it, and what builds the docs
	@$(BIN)/python -m pip install --quiet uv
	@$(LOCK) --extra pdf --extra pkcs11 --group dev pyproject.toml -o requirements.lock
	@$(LOCK) --extra pdf --extra pkcs11 --constraint requirements.lock pyproject.toml -o requirements-run.lock
	@$(LOCK) --group pyproject.toml:build --constraint requirements.lock -o requirements-build.lock
	@$(LOCK) --group pyproject.toml:docs --constraint requirements.lock -o requirements-docs.lock

clean: ## Remove the environment and the demo's folder
	@rm -rf .venv demo-data site site-source

bench: .venv/.installed ## Messages a second for the whole way and each route, rows of an extract a second, one enquiry to 152, beside their bare parts; how well searches are matched; finding, every page, and every call of the API, among a million notices
	@$(BIN)/python -m benchmarks.start
	@$(BIN)/python -m benchmarks.exchange $(ARGS)
	@$(BIN)/python -m benchmarks.routes
	@$(BIN)/python -m benchmarks.leavers
	@$(BIN)/python -m benchmarks.fanout
	@$(BIN)/python -m benchmarks.matching
	@$(BIN)/python -m benchmarks.find
	@$(BIN)/python -m benchmarks.pages
	@$(BIN)/python -m benchmarks.api

screenshots: .venv/.installed ## Pictures of the console for the README and the docs, taken in Chromium
	@$(BIN)/python -m tests.pictures
