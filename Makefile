# The commands of Schakel, as README.md and docs give them; each runs what a developer would type.
SHELL := /bin/bash
# A distribution builds its Python for speed. One that was compiled by hand often is not, and all of this then takes a third more time.
PYTHON ?= $(or $(shell for python in /usr/bin/python3 python3; do \
	$$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done),python3)
BIN := .venv/bin
UV := $(BIN)/uv
UV_VERSION := 0.13.9
NAMES := contracts chassis triage capacity placement reporting embedded simulator
MEMBERS := shared/contracts shared/chassis services/triage services/capacity services/placement services/reporting deploy/embedded deploy/simulator
SOURCES := $(MEMBERS:%=%/src)

export PORT ?= 8080
export RUN_DIR ?= .run
export KEYS_DIR ?= $(RUN_DIR)/keys
export SECRETS_DIR ?= $(CURDIR)/.secrets

.PHONY: install lock run stop status logs reset replay story token up down engine test-compose check format test bench docs assets

# The stamp is newer than the lock and the manifests exactly when the environment holds them.
install: .venv/.installed

.venv/.installed: requirements.lock pyproject.toml $(MEMBERS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Schakel needs Python 3.11 or newer: apt-get install python3.11 python3.11-venv")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@echo "installing the packages of requirements.lock …" >&2
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(MEMBERS:%=-e %)
	@touch $@

# uv.lock writes the host names of registries, which do not belong in a repository: the lock is a hash-pinned requirements file.
lock: $(UV)
	$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		$(NAMES:%=--no-emit-package schakel-%) --group dev pyproject.toml -o requirements.lock

$(UV):
	@$(MAKE) --no-print-directory install

run: install
	@exec $(BIN)/python -m embedded run

stop status logs reset: install
	@exec $(BIN)/python -m embedded $@

replay: install
	@exec $(BIN)/python -m simulator replay $(FILE)

story: install
	@exec $(BIN)/python -m simulator story

token: install
	@exec $(BIN)/python -m chassis token --role $(ROLE) $(if $(ORG),--org $(ORG)) $(if $(REGION),--region $(REGION)) $(if $(TTL),--ttl $(TTL))

# The distributed system of docker-compose.yml, with its secrets; PROFILES=demo,grafana adds what stands apart.
up: install
	@$(BIN)/python deploy/secrets/make_secrets.py $(SECRETS_DIR)
	COMPOSE_PROFILES=$(PROFILES) docker compose up --detach --build --wait
	@echo "https://localhost:$(or $(GATEWAY_PORT),8443)/ (its authority: $(SECRETS_DIR)/gateway/ca.pem); a token: make token KEYS_DIR=$(SECRETS_DIR)/keys/issuer ROLE=…"

# The data stays in its volumes.
down:
	COMPOSE_PROFILES=demo,grafana docker compose down

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy $(SOURCES) tests
	$(BIN)/lint-imports
	$(BIN)/python -m contracts --check

# A run has one broker and one PostgreSQL, which the fixtures start when the first test asks for them: two runs side by side, and then
# one for what runs and kills whole systems, which has the machine to itself.
test: install
ifdef ARGS
	$(BIN)/pytest $(ARGS)
else
	$(BIN)/pytest --numprocesses 2 --dist loadfile shared services deploy/gateway deploy/secrets deploy/simulator $(wildcard tests/*.py)
	$(BIN)/pytest deploy/embedded tests/e2e
endif

# The deployment that runs, through its gateway; killed, stopped, rolled and scaled, and counted afterwards. About a quarter of an hour.
test-compose: engine up
	$(BIN)/python -m pytest -s tests/compose

engine:
	@docker info >/dev/null 2>&1 || { echo "no Docker engine answers: start one, or name it in DOCKER_HOST" >&2; exit 1; }

bench: install
	$(BIN)/python -m tests.benchmarks

docs: install
	$(BIN)/python -m contracts
	$(BIN)/python -m placement states > docs/placement-states.md

# What the pages carry from npm; the copies are committed, so that running needs no Node.
assets:
	cd assets && npm ci --ignore-scripts && sh copy.sh
