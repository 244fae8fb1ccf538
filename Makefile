# Every target makes the checkout ready first (scripts/setup); a second start only looks.
.DEFAULT_GOAL := help
PY := .venv/bin/python
export LANGSMITH_TRACING := false

help: ## what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

setup: ## packages, virtual environment, Docker engine, policy engine, sandbox image
	@scripts/setup

python: ## the virtual environment alone (no engine)
	@scripts/setup python

serve: setup ## the service: pages, API and engine on http://localhost:8090
	@.venv/bin/pawl serve

demo: setup ## the founding incident, from request to the queue, live in the terminal; then the pages
	@.venv/bin/pawl demo

browser: setup
	@scripts/setup browser

test: browser lint ## everything: lint, unit, contract, policy, browser, docker, stories
	@$(PY) -m pytest -q -n 2 -m "not docker and not soak and not live and not browser"
	@$(PY) -m pytest -q -n 2 -m "browser and not docker and not soak and not live"
	@$(PY) -m pytest -q -m "docker and not soak and not live"

test-fast: python ## what needs no Docker, under a minute
	@$(PY) -m pytest -q -n 2 -m "not docker and not soak and not live and not browser"

lint: python ## ruff, strict types, import contracts
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache

screenshots: browser ## pictures of the pages: light, dark, phone -> docs/screenshots
	@$(PY) -m tests.browser.screenshots docs/screenshots

soak: browser ## the long suites
	@$(PY) -m pytest -q -m soak

eval: setup ## requests of a folder of cases against their oracles: make eval [CASES=DIR] [SOLVER=recipes]
	@$(PY) -m evals.solve --cases "$(or $(CASES),evals/cases)" --solver "$(or $(SOLVER),recipes)" $(if $(ONLY),--only $(ONLY))

eval-proof: setup ## right and wrong changes against the proof alone: make eval-proof [CASES=DIR] [ONLY=NAME]
	@$(PY) -m evals.proof --cases "$(or $(CASES),evals/cases)" $(if $(ONLY),--only $(ONLY))

check-cases: ## the cases' own oracles against their own patches
	@evals/tools/check-cases evals/cases

live: python ## a real small model on this machine, opt-in (installs it first)
	@tests/live/run

bench: setup ## figures beside the bars of the design
	@$(PY) -m evals.bench

lock: python ## renew requirements.lock from pyproject.toml
	@$(PY) -m pip install --quiet pip-tools
	@$(PY) -m piptools compile --quiet --generate-hashes --no-header --strip-extras --extra dev --allow-unsafe \
	  --no-emit-index-url --no-emit-find-links --no-emit-trusted-host -o requirements.lock pyproject.toml

clean: ## undo what was made here: images, environment, build; never packages or an engine
	@scripts/clean

.PHONY: help setup python serve browser demo test screenshots test-fast lint soak live eval eval-proof check-cases bench lock clean
