#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest side of scripts/run/bench-costs. On one CPU, which counts instructions:
# interrupts off, and the instructions of collapses. On several: what they do to
# each other. Prints, for every figure that a program gives,
#	COST row=KEY unit=UNIT value=N cmd=COMMAND
# or	COST error=COMMAND TEXT
set -u
PATH=/bench:$PATH
thp=/sys/kernel/mm/transparent_hugepage

# cost COMMAND...: run it; only what concerns the rows of $only, all if empty.
only=
cost() {
	"$@" >/tmp/out 2>/tmp/err || {
		echo "COST error=$* status $?: $(tail -n 1 /tmp/err)"
		return
	}
	sed 's/^/# /' /tmp/err
	while read -r key unit value; do
		case $key in
		"$only"*) echo "COST row=$key unit=$unit value=$value cmd=$*" ;;
		esac
	done </tmp/out
}

mount -t tracefs tracefs /sys/kernel/tracing
echo 4294967295 >$thp/khugepaged/scan_sleep_millisecs
echo madvise >$thp/enabled
case $(nproc) in
1)
	cost pt_cost irqsoff 0 2 64 1024
	# 1 ns is 1 instruction here.
	only=time/
	cost pt_cost collapse | sed 's/\(row=[^ ]*\) unit=ms/\1-insn unit=Minsn/'
	;;
*)
	echo 4 >/proc/sys/vm/nr_hugepages
	for _ in 1 2 3; do
		cost pt_cost collapse
		cost pt_cost unshare
	done
	cost munmap_storm small 5
	cost munmap_storm thp 4
	;;
esac
echo "COST done"
