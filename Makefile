# SPDX-License-Identifier: GPL-2.0-only
# The entry points. Everything they do is in workbench/; "make" prints this list.

MAKEFLAGS += --no-print-directory
export ARCH ARCHES CASES DRYRUN FORCE JOBS KEEP LINUX PATCH POSTING SEED SIGNOFF TREE

.PHONY: help run check check-debug matrix tree kernel boot kunit selftests stress mutants inject docs harness fuzz \
	bench bench-series evidence report export import verify lint models litmus test-scripts clean distclean

help: ## this page
	@echo 'Times are for 2 cores without KVM; (empty: ...) is with nothing cached.'
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16
	@echo 'Variables: ARCH=x86_64  LINUX=tree-or-tarball  DRYRUN=1  JOBS=n  (see README.md)'

run: ## patched against unpatched: build, boot, measure, report: 3 min when built
	@workbench/run/deps build qemu report selftests
	@workbench/series/assemble
	@workbench/run/bench
	@$(MAKE) report

check: ## lint, series, scripts, harness, KUnit, selftests, on 4 architectures (empty: 80 to 100 min; ARCHES=x86_64: 40 min)
	@workbench/run/check

tree: ## assemble the series into build/linux: 2 s (empty: 1 min)
	@workbench/run/deps build
	@workbench/series/assemble

kernel: tree ## build the patched kernel with the test configuration: 35 s after an edit (empty: 9 min)
	@workbench/run/build patched test

boot: ## a shell in the patched kernel under QEMU: 10 s when built
	@workbench/run/shell

kunit: ## KUnit suites only: 30 s when built
	@workbench/run/kunit

selftests: ## all mm selftests of the base, and ours: 25 min
	@workbench/run/conformance full

stress: ## direct I/O into memory that is collapsed, moved, migrated, paged out: 6 min
	@workbench/run/conformance stress

mutants: ## walks and updaters made wrong on purpose, which our tests must notice: 6 min when built
	@workbench/run/check mutants

inject: ## KUnit and quick selftests while lookups of page tables fail: 16 min when built
	@workbench/run/inject

check-debug: ## our tests with KASAN, lockdep and PROVE_RCU; KCSAN; 32-bit x86; no DEBUG_VM: (empty: 1 to 2 h)
	@workbench/run/check debug locking kcsan plain i386

matrix: ## every patch builds and boots; other pages and architectures: more than an hour
	@workbench/run/matrix
	@workbench/run/check variants

docs: ## the documents of the series, with Sphinx, without a new warning: 1 min
	@workbench/run/docs

harness: ## the walker in user space, on the real processor: 35 s when built
	@workbench/run/deps build harness report
	@workbench/run/harness
	@workbench/run/report | tail -n 2

fuzz: ## libFuzzer on the walker in user space: SECONDS=60 (KEEP=1 keeps the corpus)
	@workbench/run/deps build harness
	@env -u SECONDS SECONDS_TO_FUZZ=$(or $(SECONDS),60) workbench/run/harness fuzz

bench: ## measure both kernels, write build/report/figures.tsv: 5 min when built
	@workbench/run/deps build qemu
	@workbench/series/assemble
	@workbench/run/bench
	@workbench/run/bench-costs
	@workbench/run/bench-track

bench-series: ## GUP after each patch of POSTING=gup-by-folio, in instructions: 25 min, then what changed
	@workbench/run/bench-series $(or $(POSTING),gup-by-folio)

evidence: ## what the authors of earlier series measured, in guests, beside their figures: 15 min when built
	@workbench/run/evidence

report: ## table, report.md and chart from figures.tsv: 2 s
	@workbench/run/deps report
	@workbench/run/report

export: tree ## the postings as mail, in build/export: 10 s (POSTING=name for one; SIGNOFF=1 adds yours)
	@workbench/series/export

import: ## carry edits made in build/linux back into the series: 5 s
	@workbench/series/import

verify: tree ## the rules of the series: 40 s
	@workbench/series/verify

lint: ## shellcheck and the small checks: 5 s
	@workbench/run/check lint

models: ## Spin models of the ordering, and mutants that must fail: 1 min
	@workbench/run/models

litmus: ## litmus tests against the kernel's memory model: 5 s (herd7 where it is installed)
	@workbench/run/litmus

test-scripts: ## tests of our own scripts: 1 min
	@workbench/run/check scripts

clean: ## remove build/ (the cache stays)
	rm -rf build

distclean: clean ## remove the cache too
	rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/lockless-walk"
