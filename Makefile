# make demo   set up .venv and run `guitarclf demo`
# make test   set up .venv and run lint and the tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# pip finds its versions in constraints.txt; PIP_ARGS="--extra-index-url ..." chooses another torch build.
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS) -c constraints.txt

.PHONY: demo test lint docs clean

demo: $(VENV)/.installed
	$(BIN)/guitarclf demo

test: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

docs: $(VENV)/.installed
	$(BIN)/python -m guitarclf.config_docs

clean:
	rm -rf $(VENV) build dist *.egg-info

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: setup.py constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) -e '.[dev]'
	touch $@
