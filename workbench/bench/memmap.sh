#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest side of workbench/run/bench-memmap, the run.sh of that guest. Prints the output
# of memmap_cost with "MEMMAP " before each line.
set -u

[ -d /sys/kernel/tracing/events ] || mount -t tracefs tracefs /sys/kernel/tracing
status=0
for what in 'list 256' 'single 32' offline; do
	# shellcheck disable=SC2086	# two words
	/bench/memmap_cost $what >/tmp/out 2>&1 || status=1
	sed 's/^/MEMMAP /' /tmp/out
done
exit $status
