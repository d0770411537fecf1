# `make book` and `make test` need Python 3.11, 3.12 or 3.13, and a network the first time. The environment is .venv;
# `make PYTHON=/path/to/python book` uses an existing environment instead, and installs nothing into it: the packages are found
# there by PYTHONPATH, and so are the commands that the book adds to `distillery`, which lib/distillery_book-0.1.0.dist-info names.

SHELL := /bin/bash
PYTHON ?=
FOUND = $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell $(name) -c \
	'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null && echo $(name))))

ifeq ($(strip $(PYTHON)),)
python := $(CURDIR)/.venv/bin/python
ready := .venv/.ready
else
python := $(PYTHON)
ready := existing-environment
export PYTHONPATH := $(CURDIR)/lib$(if $(PYTHONPATH),:$(PYTHONPATH))
endif

distillery := $(python) -m distillery
needed := torch jupyter_book papermill nbval
print_lacking = from importlib.util import find_spec; print(*(name for name in "$(needed)".split() if find_spec(name) is None))
one_thread := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: help book pdf test lint lab bench newest refresh clean distclean existing-environment

help:
	@echo "make book      run what is stale in every chapter, build the site, print the page to open"
	@echo "make pdf       as book, then the whole of it in one file to print (needs Chromium)"
	@echo "make test      linter, type checker, the library's tests, every notebook against its committed outputs"
	@echo "make lab       open the notebooks in JupyterLab"
	@echo "make refresh   as book, then write the outputs back into the committed notebooks"
	@echo "make bench     measure speed against other packages, and write book/bench/bench.csv"
	@echo "make newest    run book and tests with the newest packages that are allowed, and record what moved (some 6 GB)"
	@echo "make clean     remove what was built (make distclean: the environment too)"
	@echo "PYTHON=...     use an existing environment in place of .venv"

book: $(ready)
	@$(distillery) book

pdf: $(ready)
	@$(distillery) book --pdf

refresh: $(ready)
	@$(distillery) book --refresh

test: lint
	@$(one_thread) $(python) -m pytest --nbval -n 2 --dist loadfile -q tests book

lint: $(ready)
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .
	@$(python) -m mypy

lab: $(ready)
	@$(python) -m jupyter lab book

bench: $(ready)
	@test -n "$(PYTHON)" || test -f .venv/.peers || { $(python) -m pip install --quiet --no-build-isolation -c constraints.txt -e '.[bench]' && touch .venv/.peers; }
	@failed=0; for file in tests/bench/bench_*.py; do echo "== $$file"; DISTILLERY_BENCH=book/bench/bench.csv $(one_thread) $(python) $$file || failed=1; done; exit $$failed

newest: $(ready)
	@$(distillery) newest

clean:
	rm -rf _build build lib/distillery.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis dask-scratch-space dask-worker-space
	find lib tests book -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf

distclean: clean
	rm -rf .venv .venv-newest

.venv/.ready: pyproject.toml constraints.txt
	@test -n "$(FOUND)" || { echo "Python 3.11, 3.12 or 3.13 with its venv module is needed; none was found (on Debian: apt install python3 python3-venv)." >&2; exit 1; }
	@test -x .venv/bin/python || { echo "making .venv with $(FOUND)"; $(FOUND) -m venv .venv; }
	@echo "installing; the first time this takes some minutes and about 6 GB"
	@$(python) -m pip install --quiet --disable-pip-version-check -c constraints.txt setuptools
	@$(python) -m pip install --quiet --disable-pip-version-check --no-build-isolation -c constraints.txt -e '.[book,dask,test]'
	@touch $@

existing-environment:
	@lacking="$$($(python) -c '$(print_lacking)')" || exit 1; test -z "$$lacking" || \
		{ echo "$(python) lacks $$lacking; install what is needed: $(python) -m pip install -c constraints.txt -e \".[book,dask,test]\"" >&2; exit 1; }
