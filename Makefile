# SPDX-License-Identifier: GPL-2.0-only
# The entry points. Everything they do is in scripts/; "make" prints this list.

MAKEFLAGS += --no-print-directory
export ARCH ARCHES CASES DRYRUN FORCE JOBS KEEP LINUX PATCH SEED SIGNOFF TREE

.PHONY: help run check check-debug matrix tree kernel boot kunit selftests stress mutants harness fuzz \
	bench report export import verify lint models litmus test-scripts clean distclean

help: ## this page
	@echo 'Times are for 2 cores without KVM; (empty: ...) is with nothing cached.'
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16
	@echo 'Variables: ARCH=x86_64  LINUX=tree-or-tarball  DRYRUN=1  JOBS=n  (see README.md)'

run: ## patched against unpatched: build, boot, measure, report: 3 min when built
	@scripts/run/deps build qemu report selftests
	@scripts/series/assemble
	@scripts/run/bench
	@$(MAKE) report

check: ## lint, series, scripts, harness, KUnit, selftests, on 4 architectures (empty: 80 to 100 min; ARCHES=x86_64: 40 min)
	@scripts/run/check

tree: ## assemble the series into build/linux: 2 s (empty: 1 min)
	@scripts/run/deps build
	@scripts/series/assemble

kernel: tree ## build the patched kernel with the test configuration: 35 s after an edit (empty: 9 min)
	@scripts/run/build patched test

boot: ## a shell in the patched kernel under QEMU: 10 s when built
	@scripts/run/shell

kunit: ## KUnit suites only: 30 s when built
	@scripts/run/kunit

selftests: ## all mm selftests of the base, and ours: 25 min
	@scripts/run/conformance full

stress: ## direct I/O into memory that is collapsed, moved, migrated, paged out: 6 min
	@scripts/run/conformance stress

mutants: ## walks made wrong on purpose, which our tests must notice: 1 min
	@scripts/run/conformance mutants

check-debug: ## our tests with KASAN, lockdep and PROVE_RCU; with KCSAN; with PAE: (empty: 1 to 2 h)
	@scripts/run/check debug locking kcsan pae

matrix: ## every patch builds and boots; other pages and architectures: more than an hour
	@scripts/run/matrix
	@scripts/run/check variants

harness: ## the walker in user space, on the real processor: 35 s when built
	@scripts/run/deps build harness report
	@scripts/run/harness
	@scripts/run/report | tail -n 2

fuzz: ## libFuzzer on the walker in user space: SECONDS=60 (KEEP=1 keeps the corpus)
	@scripts/run/deps build harness
	@env -u SECONDS SECONDS_TO_FUZZ=$(or $(SECONDS),60) scripts/run/harness fuzz

bench: ## measure both kernels, write build/report/figures.tsv: 5 min when built
	@scripts/run/deps build qemu
	@scripts/series/assemble
	@scripts/run/bench
	@scripts/run/bench-costs
	@scripts/run/bench-track

report: ## table, report.md and chart from figures.tsv: 2 s
	@scripts/run/deps report
	@scripts/run/report

export: tree ## the series as mail, in build/export: 5 s (SIGNOFF=1 adds yours)
	@scripts/series/export

import: ## carry edits made in build/linux back into the series: 5 s
	@scripts/series/import

verify: tree ## the rules of the series: 15 s
	@scripts/series/verify

lint: ## shellcheck and the small checks: 5 s
	@scripts/run/check lint

models: ## Spin models of the ordering, and mutants that must fail: 1 min
	@scripts/run/models

litmus: ## litmus tests against the kernel's memory model: 5 s (herd7 where it is installed)
	@scripts/run/litmus

test-scripts: ## tests of our own scripts: 1 min
	@scripts/run/check scripts

clean: ## remove build/ (the cache stays)
	rm -rf build

distclean: clean ## remove the cache too
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/pt-walk"
