# Everything runs in a virtual environment of its own, which the first job makes.  PYTHON chooses another interpreter;
# ARGS goes to the command: make train ARGS="--key 'E dorian' --metre 6/8"

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
READY := .venv/ready

.PHONY: help install train test bench clean

help:
	@echo "make train   compose: fine-tune the pretrained model by PPO, a few minutes (ARGS=\"--bars 16\")"
	@echo "make test    lint, types and tests"
	@echo "make bench   long tests and experiments"
	@echo "make clean   remove the virtual environment and all caches; runs stay"

install: $(READY)

# Made anew where the dependencies have changed.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "musicenv needs Python 3.11 or newer, which '$(PYTHON)' is not; name one: make PYTHON=python3.12" >&2; \
		exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[audio,benchmark,score,dev]'
	@touch $@

train: install
	$(BIN)/python -m experiments.train_ppo $(ARGS)

test: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto --maxprocesses 4 $(ARGS)

bench: install
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/pytest -m bench $(ARGS)
	$(BIN)/python -m experiments.speed --only planners search
	$(BIN)/python -m experiments.pretrain --evaluate
	$(BIN)/python -m experiments.calibrate --check
	$(BIN)/python -m experiments.train_ppo

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
