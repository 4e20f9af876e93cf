# Everything a developer or an operator runs here. `make` alone lists the targets.
#
# PYTHON       the Python (3.11 or newer) the virtual environment is made with
# FORM         executable or zip (make build); unset, a zip only where no executable can be built
# ARCH         what to build the executable for: amd64 or arm64; unset, this machine's (make build)
# ALSO         executables for other CPUs that go into the image (make image)
# INTERPRETER  the Python named in the first line of a zip
# VAULT_BIN    a Vault binary for demo, test and bench to use
# ROUNDS       how often make bench measures everybody (12)
# QUICK        anything: make bench once round, for a look; writes nothing

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
RUN := $(VENV)/bin/python -m
PLUGIN := dist/vault-plugin-secrets-pachyderm
# run twice: on the transport in Python, and on the one in C that the executable has
TRANSPORT_TESTS := tests/unit/http2 tests/unit/grpc tests/conformance

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.NOTPARALLEL:
.PHONY: help setup lint test conformance native build image release bench demo demo-up demo-down proto lock audit clean chaos soak

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

setup: $(READY) ## make the virtual environment from requirements.lock

$(READY): requirements.lock scripts/setup
	@scripts/setup "$(PYTHON)" "$(VENV)" requirements.lock
	@touch $@

lint: $(READY) ## ruff and mypy
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy

test: native lint build conformance ## lint, build, conformance, then the whole suite
	@TRANSPORT=compiled $(RUN) pytest -q --numprocesses=3 $(TRANSPORT_TESTS)
	@$(RUN) pytest -q --durations=15 --numprocesses=3 --dist=loadfile --no-loadscope-reorder

conformance: $(READY) ## HTTP/2 conformance (h2spec), where Go is present
	@$(RUN) scripts.conformance
	@TRANSPORT=compiled $(RUN) scripts.conformance

chaos: native build ## break things on purpose for an hour, write docs/reliability.md's table
	@$(RUN) tests.chaos

soak: native build ## a steady load with random faults for 20 minutes, into the same table
	@$(RUN) pytest -q -s --chaos=full tests/chaos/test_soak.py
	@$(RUN) tests.chaos.report

native: # what runs the plugin has to have it for this machine
	@test -z "$(ARCH)" || test "$(ARCH)" = "$$(dpkg --print-architecture)" || { \
		echo "make: a file for $(ARCH) cannot run on this machine: without ARCH," \
			"one that can is built. ARCH is for make build and make image" >&2; exit 1; }

build: $(READY) ## write dist/vault-plugin-secrets-pachyderm, its sha256, SBOM and licences
	@$(RUN) scripts.bundle --output "$(PLUGIN)" $(if $(FORM),--form "$(FORM)") \
		$(if $(ARCH),--arch "$(ARCH)") $(if $(INTERPRETER),--interpreter "$(INTERPRETER)")
	@GRPC_VERBOSITY=NONE $(RUN) scripts.traced_life "$(PLUGIN)"

image: build ## write the OCI image of it, dist/vault-plugin-secrets-pachyderm.oci.tar
	@$(RUN) scripts.image --output "$(PLUGIN).oci.tar" "$(PLUGIN)" $(ALSO)

release: $(READY) ## write all that a release gives, of exactly what the locks name, to dist/v<version>
	@GRPC_VERBOSITY=NONE $(RUN) scripts.release

bench: native build ## measure the plugin beside Go ones and write docs/performance.md (needs Go)
	@$(RUN) bench --plugin "$(PLUGIN)" $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS))

demo: native build ## tell the whole story on an OpenBao dev server and two simulated clusters
	@$(RUN) scripts.demo

demo-up: native build ## the same server and clusters, left running to play with
	@$(RUN) scripts.demo --up

demo-down: $(READY) ## end what demo-up left running
	@$(RUN) scripts.demo --down

proto: $(READY) ## regenerate the code of every .proto file
	@$(RUN) scripts.proto

lock: $(READY) ## resolve anew what the locks name: packages of Python and of the release
	@scripts/lock "$(VENV)"

audit: $(READY) ## ask the package index for known faults of what the plugin holds
	@$(RUN) scripts.audit

clean: ## remove what was built, not the virtual environment
	rm -rf dist build .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name .venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
