# Every target sets up what it needs: the virtual environment, pinned dependencies, and the local world's programs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PYTHONPATH := operator:devel
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/bytecode
# Where it is set, every Python that the targets start would compile all of its libraries anew: nothing is in that folder.
unexport PYTHONDONTWRITEBYTECODE

# One more than there are cores, since end-to-end tests mostly wait; they have a control plane of their own in each worker, and with
# the operators, registries and nodes beside it that is about 1.5 GiB of memory.
WORKERS ?= $(shell free=$$(awk '/^MemAvailable/ {print int($$2 / 1572864)}' /proc/meminfo); n=$$(($$(nproc) + 1)); \
	n=$$((n < free ? n : free)); n=$$((n < 6 ? n : 6)); echo $$((n > 1 ? n : 1)))

.PHONY: demo test test-unit test-pythons test-kubernetes lint cluster real gitops bench soak docs licenses audit pin-bases lock clean

demo: $(READY) ## the minute's tour: a license, the vendor's release, its private images, and the next release
	@$(BIN)/python examples/demo/demo.py

test: $(READY) ## every test, on a real API server and real registries
	@command -v lua5.1 >/dev/null || (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq lua5.1)
	@command -v chromium >/dev/null || (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium) || echo "no Chromium, so reports are opened in none"
	$(BIN)/python -m localworld build
	$(BIN)/pytest -n $(WORKERS) --dist loadscope

# README.md has the releases that were tried.
KUBERNETES ?= 1.34

test-kubernetes: $(READY) ## the end-to-end tests on an older Kubernetes: KUBERNETES=1.34, emulated; 1.34.4, built first
	KUBERNETES=$(KUBERNETES) $(BIN)/python -m localworld build
	KUBERNETES=$(KUBERNETES) $(BIN)/pytest -n $(WORKERS) --dist loadscope tests/e2e tests/world

PYTHONS := 3.11 3.12 3.13 3.14
OF_PYENV = $(lastword $(wildcard $(or $(PYENV_ROOT),$(HOME)/.pyenv)/versions/$(1).*/bin/python3))

test-pythons: ## the tests that need no API server, on every supported Python that is here
	@failed=; missing=; $(foreach version,$(PYTHONS),\
	python=$(or $(call OF_PYENV,$(version)),python$(version)); \
	if $$python -c '' 2>/dev/null; then \
	  echo "== Python $(version)"; \
	  $(MAKE) -s VENV=.cache/python-$(version) PYTHON=$$python test-unit || failed="$$failed $(version)"; \
	else missing="$$missing $(version)"; fi;) \
	echo "not here, so not tried:$${missing:- none}; failed:$${failed:- none}"; test -z "$$failed"

test-unit: $(READY) ## the tests that need no API server, on one Python
	$(BIN)/python -m pytest -q -p no:cacheprovider --ignore=tests/e2e --ignore=tests/world --ignore=tests/realnode

lint: $(READY) ## formatting, linting, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

cluster: $(READY) ## the local world, until Ctrl-C
	@$(BIN)/python -m localworld

real: $(READY) ## the demo on a real node, with the operator in its own image, as root; also: NODE=real make cluster
	@NODE=real $(BIN)/python examples/demo/demo.py

bench: $(READY) ## measure speed and memory against peers, minutes each; one alone: make bench ONLY=probe
	@$(BIN)/python -m localworld build
	@for bench in $(if $(ONLY),bench/$(ONLY).py,$(filter-out bench/soak.py,$(wildcard bench/[a-z]*.py))); do echo "== $$bench"; $(BIN)/python $$bench || exit 1; done

soak: $(READY) ## kill, cut off and refuse the operator for ten minutes; before it, every property with many inputs
	@$(BIN)/python -m localworld build
	@THOROUGH=1 $(BIN)/pytest -q -m hypothesis -n $(WORKERS) --ignore=tests/e2e --ignore=tests/world --ignore=tests/realnode
	@$(BIN)/python bench/soak.py

gitops: $(READY) ## docs/gitops.md, commit by commit, judged by kstatus and by Flux's own health checks; needs Go
	@$(BIN)/python -m localworld build
	@$(BIN)/python -m localworld build-gitops
	@$(BIN)/python -m localworld build-flux
	@$(BIN)/pytest -v -rP --no-header --flux tests/gitops tests/e2e/test_gitops_page.py

docs: $(READY) ## write the tables of docs/reference.md, the shipped policy and the chart's copies anew
	@$(BIN)/python -m harness.reference
	@$(BIN)/python -m harness.shipped_policy
	@$(BIN)/python -m harness.chart_files

licenses: $(READY) ## write docs/dependencies.md anew: what is in the image, under which licenses
	@$(BIN)/python -m harness.dependencies

pin-bases: $(READY) ## pin the image's bases by digest in deploy/Dockerfile; needs their registries
	@$(BIN)/python -m harness.base_images

# Fails where PyPI's list of vulnerabilities can't be read: what could not be looked up is not known to be fine.
audit: .cache/audit/.ready ## known vulnerabilities in what is pinned; needs the network
	@for lock in requirements.lock requirements-dev.lock requirements-build.lock; do \
	  echo "== $$lock"; .cache/audit/bin/pip-audit --strict --disable-pip --require-hashes -r $$lock || exit 1; done

.cache/audit/.ready: requirements-audit.lock
	@$(PYTHON) -m venv .cache/audit
	@.cache/audit/bin/pip install -q --disable-pip-version-check --require-hashes -r requirements-audit.lock
	@touch $@

version: $(READY) ## write a version to where it is read, and name the change log's part: make version VERSION=0.2.0
	@$(BIN)/python -m harness.version $(VERSION)

lock: ## bring the lock files up to date with pyproject.toml and requirements-tools.in
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile -q --universal --no-annotate --no-header --python-version 3.11 --generate-hashes pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --no-annotate --no-header --python-version 3.11 --generate-hashes pyproject.toml --extra dev -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --no-annotate --no-header --python-version 3.11 --generate-hashes --no-deps requirements-tools.in -o requirements-tools.lock
	$(BIN)/uv pip compile -q --universal --no-annotate --no-header --python-version 3.11 --generate-hashes requirements-build.in -o requirements-build.lock
	$(BIN)/uv pip compile -q --universal --no-annotate --no-header --python-version 3.11 --generate-hashes requirements-audit.in -o requirements-audit.lock

clean:
	rm -rf $(VENV) .cache/python-* .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A venv that can't be made (Debian without python3-venv) is mended once, where that is possible.
$(READY): requirements-dev.lock requirements-tools.lock pyproject.toml
	@echo "Setting up $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || (apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv $(VENV))
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-tools.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
