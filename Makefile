# make demo: set up .venv and run the main job on the bundled example patients
# make test: set up .venv and run the whole default suite
.POSIX:
.PHONY: help demo test engines bench docs lock clean

VENV = .venv
PYTHON =
# The first of these that is there and new enough; `make PYTHON=/path/to/python test` overrides.
CANDIDATES = $(PYTHON) python3 python3.13 python3.12 python3.11 python
READY = $(VENV)/.ready

help:
	@echo "make demo   set up $(VENV) and assess the bundled example patients"
	@echo "make test   set up $(VENV) and run ruff, mypy and the tests"
	@echo "make bench  print the speed figures"
	@echo "make docs   write docs/rules from the knowledge and the specifications"

$(READY): pyproject.toml constraints.txt
	@found=; \
	for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$candidate; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "imnm needs Python 3.11 or newer: install it, or name it with make PYTHON=/path/to/python." >&2; exit 2; \
	fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "Python is there, but its venv module is not: install it (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 2; \
	fi; \
	echo "Setting up $(VENV) (a minute or two, once) ..."; \
	"$$found" -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(VENV)/bin/python -m compileall -q src
	@touch $(READY)

demo: $(READY)
	@$(VENV)/bin/imnm demo --out demo-output

test: $(READY)
	@$(VENV)/bin/ruff check src tests bench
	@$(VENV)/bin/mypy
	@$(VENV)/bin/python -m pytest

# Spark and psycopg, for the slow tests of those engines: PYTHONPATH=.venv/engines .venv/bin/python -m pytest -m slow.
# In a folder of their own, because the default suite must pass without them.
ENGINES = $(VENV)/engines/.ready
engines: $(ENGINES)

$(ENGINES): $(READY) constraints-engines.txt
	@rm -rf $(VENV)/engines
	@echo "Installing Spark and psycopg into $(VENV)/engines (a minute or two, once) ..."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --target $(VENV)/engines \
	  -r constraints-engines.txt
	@touch $(ENGINES)

bench: $(READY)
	@missed=; \
	for file in bench/*.py; do echo "== $$file"; $(VENV)/bin/python $$file || missed="$$missed $$file"; done; \
	if [ -n "$$missed" ]; then echo "Missed a bound, or failed:$$missed" >&2; exit 1; fi

docs: $(READY)
	@$(VENV)/bin/python tools/build_docs.py

# For maintainers: needs uv.
COMPILE = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet
lock:
	@{ sed -n '1,2p' constraints.txt; $(COMPILE) --extra dev; } > constraints.new
	@mv constraints.new constraints.txt
	@{ sed -n '1,2p' constraints-engines.txt; $(COMPILE) --extra spark --extra postgres -c constraints.txt; } \
	  > constraints.new
	@mv constraints.new constraints-engines.txt

clean:
	rm -rf $(VENV) demo-output .mypy_cache .ruff_cache .pytest_cache .hypothesis
