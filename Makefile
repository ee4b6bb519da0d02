# What a newcomer needs: `make run` and `make test`. `make help` lists the rest.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# One thing after another: cheap failures first, and two cargo at a time only wait for each other.
.NOTPARALLEL:

export CARGO_TARGET_DIR ?= $(CURDIR)/target
# The binary that the tests in other languages start: the same that `cargo test` builds for its end-to-end tests.
export SPANLAKE_BIN := $(CARGO_TARGET_DIR)/debug/spanlake
RELEASE_BIN := $(CARGO_TARGET_DIR)/release/spanlake
PART := tests/harness/part.sh
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

UI_SOURCES := $(shell find ui -type f -not -path '*/node_modules/*' -not -path 'ui/dist/*' 2>/dev/null)

.PHONY: help run ui test test-large fmt clippy ui-typecheck ui-lint ui-unit ui-build ui-size ui-types ui-api compile rust-unit rust-doc e2e foreign-reader sdk browser soak screenshots bench rank-causes

help: ## this list
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /  make \1\t/' | expand -t 24

run: ui ## build everything and start Spanlake with demo data, kept in ./spanlake-data
	cargo build --release
	@echo 'Open http://127.0.0.1:4319 (Ctrl-C stops)'
	exec $(RELEASE_BIN) serve --demo --data-dir ./spanlake-data

ui: ui/dist/index.html ## build the UI into ui/dist, which the binary embeds

ui/node_modules/.package-lock.json: ui/package-lock.json
	cd ui && $(NPM_CI)
	@touch $@

ui/dist/index.html: ui/node_modules/.package-lock.json $(UI_SOURCES)
	cd ui && npm run --silent build
	@touch $@

test: ui-typecheck ui-lint ui-unit ui-build ui-size compile ui-api rust-unit rust-doc e2e foreign-reader sdk browser ## everything that proves the product

fmt: ## is the Rust code formatted
	$(PART) fmt cargo fmt --all --check

clippy: ## lints of all Rust code
	$(PART) clippy cargo clippy --workspace --all-targets -- -D warnings

ui-typecheck: ui/node_modules/.package-lock.json ## types of the UI
	$(PART) ui-typecheck npm --prefix ui run --silent typecheck

ui-lint: ui/node_modules/.package-lock.json ## lints of the UI
	$(PART) ui-lint npm --prefix ui run --silent lint

ui-unit: ui/node_modules/.package-lock.json ## unit tests of the UI
	$(PART) ui-unit npm --prefix ui run --silent test

ui-build: ui/node_modules/.package-lock.json
	$(PART) ui-build $(MAKE) --no-print-directory ui

ui-size: ui ## what the first load and each route of the UI weigh
	$(PART) ui-size node ui/tools/check-size.mjs

# The UI is embedded when the binary is compiled, so it is built before.
compile: ui ## compile the binary and all Rust tests
	$(PART) compile cargo test --workspace --no-run --quiet

ui/tools/openapi/node_modules/.package-lock.json: ui/tools/openapi/package-lock.json
	cd ui/tools/openapi && $(NPM_CI)
	@touch $@

ui-types: ui/tools/openapi/node_modules/.package-lock.json ## write the UI's types of the HTTP API anew, from the compiled binary
	node ui/tools/openapi/generate.mjs

ui-api: ui/tools/openapi/node_modules/.package-lock.json ## are the UI's types those of the HTTP API
	$(PART) ui-api node ui/tools/openapi/generate.mjs --check

rust-unit: ## unit tests of all packages
	$(PART) rust-unit cargo test --workspace --no-fail-fast --lib --bins

rust-doc: ## examples in the documentation
	$(PART) rust-doc cargo test --workspace --no-fail-fast --doc

e2e: ui ## the real binary on real sockets
	$(PART) e2e cargo test --workspace --no-fail-fast --test '*'

foreign-reader: ## Python's deltalake reads the lake
	$(PART) foreign-reader tests/foreign_reader/run.sh

sdk: ## the OpenTelemetry SDKs for Python and Node.js send
	$(PART) sdk tests/sdk/run.sh

browser: ## a walk through the UI in Chromium
	$(PART) browser tests/browser/run.sh

# For example: make soak MINUTES=60
soak: ui ## someone clicks about in two tabs for three minutes: no error, no growing heap, no query left
	cargo test --workspace --no-run --quiet
	tests/browser/soak.sh

# The packs are not in the repository: ../shared/data, or $$SPANLAKE_DATA. Optimised, for there is much to compare.
test-large: ui ## the facts of the large packs, if they are there
	cargo test --release --workspace --test e2e -- --ignored --nocapture --test-threads 1 large

# For example: make bench ARGS='--items 300000 --signals logs'
bench: ui ## the system benchmark, optimised: see benches/README.md
	cargo bench --workspace --bench system -- $(ARGS)

# The packs in tests/data, and those in ../shared/data or $$SPANLAKE_DATA if they are there.
rank-causes: ui ## which service is blamed for each recorded fault: see benches/README.md
	cargo bench --workspace --bench root_cause -- $(ARGS)

screenshots: ui ## the pictures of the documentation: every screen on the recorded packs, in both themes
	cargo test --workspace --no-run --quiet
	SPANLAKE_SCREENSHOTS=$(CURDIR)/docs/screenshots tests/browser/screenshots.sh
