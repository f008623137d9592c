# What a person does with Leadline. `make` alone lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

# The lock file decides. When changing dependencies: make build LEADLINE_CARGO_FLAGS=
LEADLINE_CARGO_FLAGS ?= --locked
export LEADLINE_CARGO_FLAGS
# Host, tests and the tool that makes components are named as targets of the whole workspace, not by `-p`: so they have the same features of
# their dependencies, what `make test` tested is what `make build` builds, and nothing is compiled twice.
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help setup build plugins web run test e2e page-weight audit openapi api-fuzz fuzz soak crash bench bench-plugins bench-peers oracles drain-limit fmt clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\n  make run FEED=okx           live OKX instead of the generated market\n'
	@printf '  make run REPLAY=file.ndjson a recording instead of the generated market\n'
	@printf '  make run ARGS="..."         further flags for leadline demo\n'

setup: ## install what this machine lacks
	@scripts/setup.sh

build: ## the program, optimised
	cargo build $(LEADLINE_CARGO_FLAGS) --release --bin leadline

plugins: ## the four analyses as components, in target/plugins
	@scripts/build-plugins.sh

web: ## the page, in web/dist
	@scripts/build-web.sh

# `exec`, so that Ctrl-C and a kill reach the program itself and nothing stands in between.
run: setup build plugins web ## everything on this machine: Redis, exchange, analyses, page
	@$(if $(CARGO_TARGET_DIR),PLUGIN_DIR="$${PLUGIN_DIR:-$(TARGET)/plugins}") exec "$(TARGET)/release/leadline" demo $(if $(FEED),--feed "$(FEED)") $(if $(REPLAY),--replay "$(REPLAY)") $(ARGS)

test: ## everything tested, on a machine that has nothing yet
	@scripts/test.sh

e2e: ## only the page in a real browser, against the demo
	@scripts/e2e.sh

page-weight: ## what a pair's page costs a browser: main thread over 20 s, memory over 20 minutes
	@scripts/e2e.sh weight

audit: ## licences, sources and known vulnerabilities of the dependencies
	@scripts/audit.sh

openapi: ## the API's description from its routes, in docs/openapi.json
	@cargo run $(LEADLINE_CARGO_FLAGS) --quiet --bin leadline -- openapi > docs/openapi.json

api-fuzz: plugins ## the API against a tester that knows its OpenAPI document alone
	@scripts/api-fuzz.sh

fuzz: ## a million mutated frames through decoder and book (LEADLINE_FUZZ_FRAMES says how many)
	@LEADLINE_FUZZ_FRAMES=$${LEADLINE_FUZZ_FRAMES:-1000000} cargo test $(LEADLINE_CARGO_FLAGS) --release -p leadline-market --test mutated -- --nocapture

soak: plugins ## MINUTES=30 of faults, one about every 10 s; every published book compared with the exchange's own
	@LEADLINE_SOAK_MINUTES=$(or $(MINUTES),30) LEADLINE_SOAK_SEED=$(or $(SEED),7) cargo test $(LEADLINE_CARGO_FLAGS) --test it -- soak:: --nocapture

crash: plugins ## the host killed at KILLS=20 moments of BOOKS=10000 books; Redis killed, stopped for 30 s, away for 60 s
	@LEADLINE_CRASH_KILLS=$(or $(KILLS),20) LEADLINE_CRASH_BOOKS=$(or $(BOOKS),10000) LEADLINE_CRASH_SEED=$(or $(SEED),7) LEADLINE_CRASH_HANG_SECONDS=30 LEADLINE_CRASH_AWAY_SECONDS=60 cargo test $(LEADLINE_CARGO_FLAGS) --test it -- crash:: --nocapture --test-threads=1

bench: ## the measurements of docs/performance.md
	cargo bench $(LEADLINE_CARGO_FLAGS) -p leadline-bench

bench-plugins: plugins ## plugins exchanged 100 times and stopped 1000 times under load (5 minutes)
	@LEADLINE_PLUGIN_OUT=target/test-plugins scripts/build-plugins.sh misbehaving
	cargo run --release $(LEADLINE_CARGO_FLAGS) -p leadline-bench --bin swaps
	cargo run --release $(LEADLINE_CARGO_FLAGS) -p leadline-bench --bin kills

bench-peers: build plugins ## Leadline beside the stack of the original design, on the same frames (12 minutes)
	@python3 bench/peers/run.py

oracles: ## every quantity of the analyses beside scipy, scikit-learn, statsmodels and others (2 minutes)
	@scripts/oracles.sh

drain-limit: ## how many drains any rule could warn of on the generated pairs (5 minutes)
	@scripts/oracles.sh drain_limit.py

fmt: ## format the Rust code
	cargo fmt

clean: ## remove what was built; data and set-up stay
	rm -rf target web/dist
