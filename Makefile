# Everything that is done often. `make` alone prints this list.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The tools that `make prepare` may have put into the tree come first.
ROOT := $(CURDIR)
export PATH := $(ROOT)/.venv/bin:$(PATH)
export CARGO_TERM_COLOR ?= auto

E2E := tests/e2e
BENCHES := $(wildcard benches/*.rs)

# Prints what comes next, so that a long log can be read.
say = @printf '\n== %s\n' "$(1)"

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## The demo: an app behind Waylight, spans in this terminal
	cargo run --release -- demo

.PHONY: check
check: fmt-check lint unit ## The quick round before a commit: format, lints, unit tests

.PHONY: test
test: prepare fmt-check lint rust js e2e licences bench-smoke ## Everything that CI runs; installs what is missing first
	$(call say,all of it passed)

.PHONY: prepare
prepare: ## Installs what the tests need and this machine lacks
	$(call say,what the tests need)
	tests/prepare

.PHONY: fmt
fmt: ## Formats the Rust code
	cargo fmt

.PHONY: fmt-check
fmt-check:
	$(call say,format)
	cargo fmt --check

.PHONY: lint
lint: ## clippy, warnings as errors
	$(call say,clippy)
	cargo clippy --all-targets -- -D warnings

.PHONY: unit
unit: ## Unit tests alone
	$(call say,unit tests)
	cargo test --lib

.PHONY: rust
rust: ## All Rust tests: unit, integration, architecture, fuzz targets as tests, documentation
	$(call say,Rust tests)
	WAYLIGHT_TEST_ROTEL=$$(ls $(ROOT)/.venv/lib/python3*/site-packages/rotel/rotel-agent 2>/dev/null || true) cargo test

.PHONY: build
build: ## The debug binary
	$(call say,debug binary)
	cargo build

.PHONY: js
js: $(E2E)/node_modules/.package-lock.json ## JavaScript: types, lints, unit tests
	$(call say,JavaScript)
	cd $(E2E) && npm run --silent check && npm run --silent unit

.PHONY: e2e
e2e: build $(E2E)/node_modules/.package-lock.json ## End to end: the debug binary, Chromium, OTLP receivers
	$(call say,end to end)
	cd $(E2E) && npm run --silent test

$(E2E)/node_modules/.package-lock.json: $(E2E)/package-lock.json
	cd $(E2E) && npm ci --no-audit --no-fund && touch node_modules/.package-lock.json

.PHONY: licences
licences: ## Licences and sources of all dependencies, where cargo-deny is installed
	$(call say,licences of dependencies)
	@if command -v cargo-deny >/dev/null; then cargo deny check licenses bans sources; \
	else echo "cargo-deny is not installed: left to the test \`licences\` of cargo test"; fi

.PHONY: advisories
advisories: ## Known faults of dependencies; needs cargo-deny and its database from the network
	cargo deny check advisories

.PHONY: bench
bench: ## All benches, measured; take a quiet machine
	cargo bench --bench '*'

.PHONY: bench-smoke
bench-smoke: ## Every bench once, unmeasured: do they still run?
	$(call say,smoke run of the benches)
	$(if $(BENCHES),cargo bench --profile smoke --bench '*' -- --test,@echo "no benches yet")

.PHONY: docker
docker: ## The container image
	docker build -t waylight .
