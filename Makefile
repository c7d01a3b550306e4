# Each target sets up first; the set-up does nothing when nothing has changed.
BIN := .venv/bin

.PHONY: demo test lint bench calibration beyond parametrisation audit-faults gallery check-wheel setup

demo: setup
	@$(BIN)/bayesmeta demo
	@echo "Look at the files in $(CURDIR)/bayesmeta-demo"

# All tests in two processes of one thread each; some, named by ARGS, in one.
test: setup
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m pytest $(or $(ARGS),-n 2 --dist loadfile)

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy --strict bayesmeta
	@$(BIN)/python .ci/sizes.py bayesmeta tests benchmarks .ci

bench: setup
	@$(BIN)/python benchmarks/bench.py $(ARGS)

# The full calibration run, an hour or so; its results are stored. ARGS=--show prints them.
calibration: setup
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/calibration.py $(ARGS)

# Models that only NUTS can fit, beside direct integration and the exact engine: ten minutes or so; results are stored.
beyond: setup
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/beyond.py $(ARGS)

# Effective draws per second of each form of the study effects; stored. ARGS=--show prints what is.
parametrisation: setup
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python benchmarks/parametrisation.py $(or $(ARGS),--save)

# Faults put into clean printed tables, and how many the audit finds: ten minutes; stored. ARGS=--show prints what is.
audit-faults: setup
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.audit_faults $(ARGS)

# All figures, at both widths of a journal, as PNG into ./gallery.
gallery: setup
	@$(BIN)/python -m tests.plots.gallery $(ARGS)

check-wheel: setup
	@$(BIN)/python .ci/check_wheel.py

setup:
	@sh .ci/setup.sh
