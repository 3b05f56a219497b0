# The two commands: `make demo` and `make test`. All the others are listed by `make help`.
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Nothing phones home, whichever tool a target starts (DVC: .dvc/config).
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
export GX_ANALYTICS_ENABLED := false
PIP := $(VENV)/bin/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := help
.PHONY: help demo test check fuzz contracts docs bench ui experiments lab lock

help:  ## this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/installed  ## set up, pull the demo's inputs, run every stage, say what came out
	dvc pull --quiet data.dvc models/demo_backbone.dvc models/people.dvc
	dvc repro
	gazeshift summary
	# A proof that failed is a result, not a crash: it says so, and nothing is promoted.
	-gazeshift promote

test: $(VENV)/installed-dev  ## set up, run the tests (offline, on a CPU)
	pytest -n 2 --dist worksteal -m "not slow and not gpu" $(TESTS)

check: $(VENV)/installed-dev  ## lint, formatting, types
	ruff check .
	ruff format --check .
	mypy

fuzz: $(VENV)/installed-dev  ## minutes of damaged files and bodies for all that reads them: FUZZ_EXAMPLES=2000
	pytest fuzz -p no:cacheprovider

contracts: $(VENV)/installed  ## the data contracts alone, as in a pull request's CI
	dvc pull --quiet data.dvc
	dvc repro validate
	gazeshift check

docs: $(VENV)/installed-dev  ## write the generated parts of docs/ anew: data format, params, API
	python -m docs.generate

bench: $(VENV)/installed-dev  ## the benchmarks, as ratios against a straightforward loop
	for benchmark in benchmarks/*.py; do python $$benchmark || exit 1; done

ui: $(VENV)/installed  ## browse runs, models and pictures in MLflow on localhost
	gazeshift ui

experiments: $(VENV)/installed  ## the experiments side by side: what differs in parameters and figures
	dvc exp show --only-changed --drop '.*/|(attention_heatmap|keyword_masks|models|schemas)$$'

lab: $(VENV)/installed-dev  ## install Jupyter Lab and open the notebooks in it
	$(PIP) install --constraint requirements.lock --constraint requirements-dev.lock "jupyterlab>=4.3"
	jupyter lab --LabApp.default_url=/lab/tree/notebooks

# torch comes first and with its own dependencies: on a GPU machine they hold CUDA. The rest is pinned
# as a whole and installed as listed: the lock has opencv-contrib-python-headless, which holds all of
# the opencv-python-headless that scenedetect-headless asks for, and the two share their files.
$(VENV)/installed: requirements.lock pyproject.toml
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --constraint requirements.lock "$$(grep -E '^torch==' requirements.lock)"
	$(PIP) install --no-deps --requirement requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/installed-dev: $(VENV)/installed requirements-dev.lock
	$(PIP) install --no-deps --requirement requirements-dev.lock
	touch $@

lock:  ## resolve the dependencies anew in a fresh environment and write both lock files
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	build/lock/bin/pip install -q "torch==2.13.0" && build/lock/bin/pip install -q .
	build/lock/bin/pip freeze --all --exclude gazeshift --exclude pip \
		--exclude opencv-python-headless | sed 's/+cpu$$//' > requirements.lock
	build/lock/bin/pip install -q ".[dev]"
	build/lock/bin/pip freeze --all --exclude gazeshift --exclude pip \
		--exclude opencv-python-headless | sed 's/+cpu$$//' \
		| grep -vxFf requirements.lock > requirements-dev.lock
	rm -rf build
