# The project's door for people: every target is one script or one cargo call.
# Build products live in a cache outside the checkout, so that a fresh clone is quick.
SHELL := /bin/bash
export TELECOM_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/telecom-operator
export CARGO_TARGET_DIR ?= $(TELECOM_CACHE)/target

.DEFAULT_GOAL := help
.PHONY: help up down demo test lint verify generate bench fuzz manifests own-sources

up demo test lint verify generate bench: own-sources
own-sources:
	@tests/own-sources.sh

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: ## Start a real Kubernetes here, install the operator, run the example cluster (CLUSTER=local|kind)
	@tests/cluster/up.sh

down: ## Stop it and leave nothing behind but the cache
	@tests/cluster/down.sh

demo: ## 20 nodes, 500 subscribers, an hour of traffic in a minute: who runs out is cut off; charts
	@tests/demo.sh

test: ## Every test: unit, PostgreSQL, apiserver, end to end (starts what it needs)
	@tests/run.sh

lint: ## Formatting, clippy, dependencies, scripts, protobuf, charts
	@tests/lint/lint.sh

verify: ## Fail when a generated file is stale
	@tests/lint/verify.sh

generate: ## Write the generated files: CRD, its reference, the chart's copies, .sqlx
	@tests/generate.sh

bench: ## Measure, side by side with references, and print a table (ROWS="ingest reads": only these)
	@tests/bench.sh $(ROWS)

fuzz: ## Fuzz the server up to the database, each target for FUZZ_SECONDS (60)
	@tests/fuzz.sh $(or $(FUZZ_SECONDS),60)

manifests: ## Render one file for kubectl apply -f: dist/install.yaml
	@tests/lint/manifests.sh dist/install.yaml
