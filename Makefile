# rolecall: `make run` and `make test` are all that a newcomer needs; `make` alone lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

CARGO  ?= cargo
PYTHON ?= python3
# Built programs; CARGO_TARGET_DIR moves them out of the clone.
TARGET := $(or $(CARGO_TARGET_DIR),target)
LISTEN ?= 127.0.0.1:8420
# How `verify-contracts` writes its findings: human, short, json, github, sarif or junit.
FORMAT ?= human

.PHONY: bench-million bench-stores kills storm storm-nodes storm-rolling help deps deps-peers build run test test-docs verify-contracts plugins laws sim mutants model bench bench-peers bench-sessions fuzz fmt fmt-check lint clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## Install what is missing: wasm target, cargo-nextest, python3-venv, nodejs, npm
	@bash tests/deps.sh

deps-peers: deps ## Install what bench-sessions needs into the system: mosquitto, Go, Centrifuge's library
	@bash tests/deps-peers.sh

# What `build` builds. `make test` widens it to what its tests need, because Cargo unites the
# features of everything built together: two different sets would build the heavy crates twice.
SCOPE ?= -p rolecall -p rolecall-examples
test verify-contracts: export SCOPE = --workspace --all-targets

build: ## Build the server, the command line and the examples (debug)
	@$(CARGO) build $(SCOPE)

run: deps plugins build ## Set everything up, start the server on loopback and print what to try
	@echo
	@echo "The command line is $(TARGET)/debug/rolecall; in the second terminal, first:"
	@echo
	@echo "  export PATH=\"$(abspath $(TARGET)/debug):\$$PATH\""
	@echo
	@exec $(TARGET)/debug/rolecall serve --listen $(LISTEN)

test: deps fmt-check plugins build lint plugins-examples ## Everything that CI checks
	@$(MAKE) test-docs
	@$(MAKE) verify-contracts
	@$(CARGO) nextest run --workspace --exclude rolecall-hostile

# The documentation is for those who work on rolecall: private items are in it, and linked to.
test-docs: ## Examples in the documentation, and the documentation itself
	@$(CARGO) test --doc -q --workspace --exclude rolecall-hostile
	@RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" \
		$(CARGO) doc -q --no-deps --document-private-items

verify-contracts: plugins build ## Prove and try every contract in contracts/
	@$(TARGET)/debug/rolecall verify contracts --format $(FORMAT)

# Everything heavy that is built for release is built together, for the same reason.
RELEASED := -p rolecall -p rolecall-tests -p rolecall-storm -p rolecall-stores

laws: ## A million cuts of texts, every law of replies at length, leaks over every surface (release build)
	@$(CARGO) test --release -q -p rolecall-dsl --test splits --test monitor_laws
	@$(CARGO) build --release -q $(RELEASED)
	@$(CARGO) test --release -q $(RELEASED) --lib enforce::reply
	@$(CARGO) test --release -q $(RELEASED) --lib gateway::tests::leaks -- --nocapture
	@$(CARGO) test --release -q $(RELEASED) --test leaks

# The first seed, so that another million can be tried: make sim SEEDS=5000000 FROM=1000000
SEEDS ?= 1000000
FROM  ?= 0
sim: ## A million simulated lives of a session, every promise checked after every step (release build)
	@$(CARGO) build --release -q -p rolecall-sim
	@$(TARGET)/release/rolecall-sim --seeds $(SEEDS) --from $(FROM)

mutants: ## Known bugs put into the session machines, each of which the simulation must notice
	@$(CARGO) build --release -q -p rolecall-sim
	@$(TARGET)/release/rolecall-mutants --target $(TARGET)

model: ## Every state of the session protocol's model, and known bugs that must be found there (release build)
	@$(CARGO) build --release -q -p rolecall-model
	@$(TARGET)/release/rolecall-model
	@$(TARGET)/release/rolecall-model --fault all

# MINUTES and CLIENTS make it longer or larger.
MINUTES ?= 5
CLIENTS ?= 10000
storm: ## Ten thousand real clients over failing connections for five minutes, and a ledger (release build)
	@$(CARGO) build --release -q $(RELEASED)
	@$(TARGET)/release/rolecall-storm --clients $(CLIENTS) --minutes $(MINUTES)

# The same names make it longer or larger: make storm-nodes MINUTES=1 NODES_CLIENTS=500
NODES_CLIENTS ?= 2000
storm-nodes: ## Three servers on one Redis, killed and stopped for five minutes under two thousand clients (release build)
	@$(CARGO) build --release -q $(RELEASED)
	@$(TARGET)/release/rolecall-storm --nodes 3 --clients $(NODES_CLIENTS) --minutes $(MINUTES)

# Smaller, or with another pace: make storm-rolling CLIENTS=500 ROLLING_FLAGS="--hand-over 30s --pause 20"
ROLLING_CLIENTS ?= $(if $(filter command line environment,$(origin CLIENTS)),$(CLIENTS),5000)
ROLLING_FLAGS   ?=
storm-rolling: ## Three servers on one Redis, restarted one after the other under five thousand clients (release build)
	@$(CARGO) build --release -q $(RELEASED)
	@$(TARGET)/release/rolecall-storm --rolling --nodes 3 --clients $(ROLLING_CLIENTS) $(ROLLING_FLAGS)

# KILLS and SEED make it longer or another one.
KILLS ?= 500
SEED  ?= 1
kills: ## The embedded store killed 500 times while twelve writers write, and a ledger of what was acknowledged (release build)
	@$(CARGO) build --release -q -p rolecall-kills
	@$(TARGET)/release/rolecall-kills --kills $(KILLS) --seed $(SEED)

bench: plugins ## Measure idle sessions, checks, delivery, resumes and stores (release build)
	@$(CARGO) build --release -q $(RELEASED)
	@$(TARGET)/release/rolecall-bench

# QUICK=--quick makes it short, and its figures rough.
QUICK ?=
bench-stores: ## Commits in every store beside Redis without rolecall, takeovers, bytes on the disk (release build)
	@$(CARGO) build --release -q $(RELEASED)
	@$(TARGET)/release/rolecall-bench stores $(QUICK)

# SESSIONS and BEAT make it smaller, or its beats more frequent.
SESSIONS ?= 1000000
BEAT     ?= 240
bench-million: ## A million idle sessions in one server: needs a limit of open files above that, and 24 GiB (release build)
	@$(CARGO) build --release -q $(RELEASED)
	@$(TARGET)/release/rolecall-bench idle --sessions $(SESSIONS) --beat $(BEAT)

bench-peers: PEER = --manifest-path tests/peers/extism/Cargo.toml --target-dir $(TARGET)/extism -q
bench-peers: deps ## Checks and plugins beside other products' (fetched into the target folder), then bench-sessions
	@$(CARGO) build $(PEER) --profile plugin --target wasm32-unknown-unknown \
		-p rolecall-peer-component -p rolecall-peer-plugin
	@$(CARGO) build $(PEER) --release
	@$(CARGO) build --release -q $(RELEASED)
	@$(TARGET)/release/rolecall-bench peers
	@$(MAKE) bench-sessions

bench-sessions: deps-peers ## Sessions beside ws, Socket.IO, mosquitto and Centrifuge (the last two: packages of the system)
	@$(CARGO) build --release -q $(RELEASED)
	@$(TARGET)/release/rolecall-bench sessions-peers

fuzz: ## Look for bytes that break the language's tools or the protocol (nightly compiler, 5 minutes a target)
	@bash fuzz/run.sh

fmt: ## Format the code
	@$(CARGO) fmt --all

fmt-check:
	@$(CARGO) fmt --all --check

lint: ## Clippy, warnings denied
	@$(CARGO) clippy -q --workspace --all-targets -- -D warnings

clean: ## Remove everything that was built
	@$(CARGO) clean
	@rm -rf plugins/*.wasm .venv

# `plugins`: builds each guest for wasm and packs it into plugins/NAME.wasm.
-include plugins/plugins.mk
# `plugins-examples`: builds the plugin projects of examples/plugins.
-include examples/plugins/examples.mk
