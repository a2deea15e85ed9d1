# `make demo` and `make test` set up whatever they need.

.PHONY: help demo test check lint lab lab-up lab-down bench

help:
	@echo "make demo      build f3s and a family of real images on a real engine"
	@echo "make test      run all tests, with real engines, registries and downloads"
	@echo "make check     format, lints and the tests that need no engine: after every edit"
	@echo "make lint      rustfmt and clippy"
	@echo "make lab       run the lab in the foreground, to try the ten recipes by hand"
	@echo "make lab-up    start the lab; then: . target/lab/env"
	@echo "make lab-down  end it"
	@echo "make bench     measure planning (beside a peer), watch mode and large folders"

demo:
	@scripts/demo/demo.sh

test:
	@tests/run

check: lint
	cargo test --quiet --lib --test it

lint:
	cargo fmt --check
	cargo clippy --quiet --all-targets --features lab -- -D warnings

lab:
	@python3 tests/lab/lab.py run

lab-up:
	@python3 tests/lab/lab.py up

lab-down:
	@python3 tests/lab/lab.py down

bench:
	@benches/plan.sh
	@benches/watch.sh
	@benches/copy.sh
