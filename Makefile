# itemize: one entry to everything. `make help` lists the targets.
#
# The extension is built by PGXS (extension/pgxs.mk) and the sidecar by CMake; both write below build/ only.

PG_CONFIG ?= pg_config
SIDECAR_BINDIR ?= /usr/local/bin
BUILD_TYPE ?= RelWithDebInfo
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
SHELL := /bin/bash

root := $(CURDIR)
version := $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" itemize.control)
sql_parts := $(sort $(wildcard sql/[0-9][0-9]_*.sql))
sql_script := build/sql/itemize--$(version).sql

# A make that was given -j hands its job slots on; any other gets one job per processor.
jobs = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
pgxs = $(MAKE) --no-print-directory $(jobs) -C build/extension -f $(root)/extension/pgxs.mk \
       ROOT=$(root) VERSION=$(version) PG_CONFIG=$(PG_CONFIG)

.DEFAULT_GOAL := all
.PHONY: help deps deps-demo deps-check deps-containers all extension sidecar sql install install-extension install-sidecar demo \
        check check-quick check-regress check-isolation check-unit check-tap check-model check-containers soak \
        bench bench-decoding bench-latency bench-live bench-pipeline bench-relevance bench-search bench-serve lint format sanitize build-sanitized fuzz build-fuzz clean FORCE

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  \1|\2/p' Makefile | while IFS='|' read -r name text; do \
	  printf '%-20s %s\n' "$$name" "$$text"; done

## Build

all: extension sidecar ## build the extension, the sidecar and the unit tests (the default)

extension: sql ## build the extension only
	@mkdir -p build/extension
	@$(pgxs) all

build/extension/compile_commands.json: FORCE
	@mkdir -p $(@D)
	@$(pgxs) compile_commands.json

sql: $(sql_script)

# The script of the current version is the parts of sql/ in the order of their numbers.
$(sql_script): $(sql_parts) itemize.control
	@test -n "$(version)" || { echo 'itemize.control names no default_version' >&2; exit 1; }
	@test -n "$(sql_parts)" || { echo 'sql/ holds no part of the script' >&2; exit 1; }
	@mkdir -p $(@D)
	cat $(sql_parts) > $@

sidecar: build/sidecar/build.ninja ## build the sidecar and the unit tests only
	cmake --build build/sidecar -j $(JOBS)

build/sidecar/build.ninja:
	cmake -G Ninja -S sidecar -B build/sidecar -DCMAKE_BUILD_TYPE=$(BUILD_TYPE)

build-sanitized: # sidecar and unit tests under AddressSanitizer and UBSan
	cmake -G Ninja -S sidecar -B build/sanitized -DITEMIZE_SANITIZE=ON \
	  -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG='-O1 -g1'
	cmake --build build/sanitized -j $(JOBS)

build-fuzz: # the parsers under libFuzzer
	cmake -G Ninja -S tests/fuzz -B build/fuzz -DCMAKE_CXX_COMPILER=clang++
	cmake --build build/fuzz -j $(JOBS)

install: install-extension install-sidecar ## install extension, public headers and sidecar (DESTDIR, PG_CONFIG and SIDECAR_BINDIR are obeyed)

install-extension: extension ## install the extension and its public headers only
	@$(pgxs) install

install-sidecar: build/sidecar/build.ninja ## install the sidecar only
	cmake --build build/sidecar -j $(JOBS) --target itemize-sidecar
	install -D -m 755 build/sidecar/itemize-sidecar '$(DESTDIR)$(SIDECAR_BINDIR)/itemize-sidecar'

deps: deps-check ## install every Debian package that is needed

deps-demo: ## install what `make` and `make demo` need
	@.ci/install_packages demo

deps-check: ## install what `make check` and `make bench` need
	@.ci/install_packages check

deps-containers: ## install what `make check-containers` needs
	@.ci/install_packages containers

## Use

demo: deps-demo all ## show the whole path on a throwaway database (TOUR=1 ends by itself, DEMO_CSV=FILE loads it)
	@docker/demo/demo.sh

## Test. TESTS=... limits a tier to the named tests.

run := tests/check/run.sh

check: deps-check ## run every tier of the tests
	@$(run) all

check-quick: all ## run the tiers that are done within a minute
	@$(run) --quick unit regress tap

check-regress: all ## SQL tests (pg_regress)
	@$(run) regress $(TESTS)

check-isolation: all ## tests of concurrent sessions (isolation specs)
	@$(run) isolation $(TESTS)

check-model: deps-check ## the freshness protocol's model, exhaustively (spin)
	@$(run) model

check-unit: all ## C++ unit tests (GoogleTest)
	@$(run) unit $(TESTS)

check-tap: all ## tests of servers and of the sidecar end to end (TAP)
	@$(run) tap $(TESTS)

check-containers: deps-containers ## build the container images and run them (root; skipped where no engine starts)
	@$(run) containers $(TESTS)

soak: all ## fuzzing, mixed load, and random faults under a history checker, ten minutes each (SOAK_SECONDS, SEED, FAULTS, TESTS)
	@$(run) soak $(TESTS)

sanitize: all ## unit tests and end to end tests under AddressSanitizer and UBSan
	@$(run) sanitize $(TESTS)

fuzz: deps-check ## the parsers of what comes from outside under libFuzzer, FUZZ_SECONDS each, from SEED
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-60} $(run) fuzz $(TESTS)

lint: all ## format, clang-tidy, shellcheck, perl -c, dependency directions
	@$(run) lint rules

format: ## format the C++ sources in place
	@find extension sidecar tests -name '*.[ch]pp' -exec clang-format -i {} +

bench: bench-decoding bench-latency bench-live bench-pipeline bench-relevance bench-search bench-serve ## run every benchmark (results in build/bench/*.json)

bench-decoding: all ## decoding time of this plugin beside others
	@tests/bench/decoding.sh

bench-latency: all ## commit to event at an idle client, beside LISTEN/NOTIFY
	@tests/bench/latency.sh

bench-live: all ## ten thousand live clients: memory, a change that all follow, a thousand changes a second
	@tests/bench/live.sh

bench-pipeline: all ## the whole pipeline: a backlog, live clients, writers, clusters, a large transaction (6 min)
	@tests/bench/pipeline.sh

bench-relevance: all ## how good the ranking is: MAP and nDCG@10 on the Cranfield collection, beside ts_rank
	@tests/bench/relevance.sh

bench-serve: all ## cached items over HTTP beside a bare cpp-httplib server, SQL for each request, and nginx
	@tests/bench/serve.sh

bench-search: all ## searches of 50,000 and 500,000 rows beside the same by hand (SEARCH_ROWS sets the larger number)
	@tests/bench/search.sh

clean: ## remove everything that was built
	rm -rf build
