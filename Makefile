# What a user and a developer types. Everything that is made goes to target/ and .local/.
SHELL := /bin/bash
export PATH := $(HOME)/.cargo/bin:$(PATH)
RIG := PYTHONPATH=infra/local:tests .local/venv/bin/python -m rig
PORT ?= 8420

.PHONY: demo local stop test check faults fuzz sources bench mutants setup browser pages

demo: setup ## moves three mailboxes through the local stack and proves the result
	@$(RIG) demo

local: setup ## starts the local stack and keeps it up (PORT=8420)
	@$(RIG) local --port $(PORT)

stop: setup ## ends what `make local` or `make demo` started
	@$(RIG) stop

test: setup browser ## builds once and runs every test
	@$(RIG) test

check: setup browser ## formatting, lints, documentation, then every test
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
	.local/venv/bin/cfn-lint template.yaml
	@$(RIG) test

setup:
	@infra/local/setup.sh

browser:
	@tests/browser/setup.sh

faults: setup ## random schedules over real adapters (SEEDS=100, or SEED=17 for one and its story)
	cargo build --quiet --workspace --bin workmail
	SEEDS=$(SEEDS) SEED=$(SEED) cargo test --quiet --workspace --test faults -- --nocapture

bench: ## Mailcrane beside mbsync and the bare limits, an hour with builds (QUICK=1: five minutes, smaller); results in tests/bench/results
	@command -v mbsync >/dev/null || tests/bench/setup.sh
	cargo build --quiet --profile speed --bin bench --bin workmail
	$(if $(QUICK),,cargo build --quiet --release $(patsubst functions/%,-p %,$(wildcard functions/*)))
	target/speed/bench $(if $(QUICK),quick,full) --out tests/bench/results

fuzz: ## hostile octets for every parser: SECONDS=60 for each (TARGET=mime for one)
	@tests/fuzz/run.sh $(or $(SECONDS),60) $(TARGET)

sources: setup ## the conformance suite of sources against Cyrus and Courier too (root, Debian; installs them in overlays)
	@tests/sources/run.sh

mutants: ## deliberately broken engines that the crash sweep must catch (minutes)
	python3 tests/mutants/run.py

pages: setup browser ## the page and the mails in Chromium, with pictures in target/browser; the page over the stack, too (minutes)
	cd tests/browser && node --test --test-reporter=spec texts.test.js page.test.js mails.test.js
	PYTHONPATH=infra/local:tests .local/venv/bin/python tests/browser/run.py
