#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest side of workbench/run/bench-costs, bench-track, bench-refs and bench-devices: what cost=
# on the kernel's command line names. Prints, for every figure that a program gives,
#	COST row=KEY unit=UNIT value=N cmd=COMMAND
# or	COST error=COMMAND TEXT
set -u
PATH=/bench:$PATH
thp=/sys/kernel/mm/transparent_hugepage
mutant=/sys/kernel/debug/lockless_walk_mutant

cost() { # COMMAND...
	"$@" >/tmp/out 2>/tmp/err || {
		echo "COST error=$* status $?: $(tail -n 1 /tmp/err)"
		return
	}
	sed 's/^/# /' /tmp/err
	while read -r key unit value; do
		echo "COST row=$key unit=$unit value=$value cmd=$*"
	done </tmp/out
}

# pages WHAT: what madvise() brings, and no huge pages in hugetlb's pool but with hugetlb.
pages() {
	for size in "$thp"/hugepages-*kB/enabled; do
		echo never >"$size"
	done
	case $1 in
	64K) echo always >$thp/hugepages-64kB/enabled ;;
	THP|split) echo always >$thp/hugepages-2048kB/enabled ;;
	esac
	nr=0
	[ "$1" != hugetlb ] || nr=512
	echo $nr >/proc/sys/vm/nr_hugepages
}

mount -t tracefs tracefs /sys/kernel/tracing
echo 4294967295 >$thp/khugepaged/scan_sleep_millisecs
echo madvise >$thp/enabled
# shellcheck disable=SC2013	# the kernel's command line, a word at a time
for word in $(cat /proc/cmdline); do
	case $word in
	mutant=*)
		[ ! -e $mutant ] || echo "${word#mutant=}" >$mutant ||
			echo "COST error=no mutant ${word#mutant=}" ;;
	cost=irqsoff)
		cost pt_cost irqsoff 0 2 64 1024 ;;
	cost=thp)
		for how in munmap exit dontneed; do
			cost pt_cost thp "$how"
		done ;;
	cost=ipi)
		echo 4 >/proc/sys/vm/nr_hugepages
		cost pt_cost collapse
		cost pt_cost unshare ;;
	cost=track)
		for who in nobody one all others; do
			cost walk_track collapse "$who"
		done
		cost walk_track munmap ;;
	cost=pin)
		cost walk_track pin ;;
	cost=refs)
		for what in migrate split ksm cma; do
			cost ref_hold $what idle
			cost ref_hold $what walked
		done ;;
	cost=mmap_lock)
		echo never >$thp/enabled
		cost mmap_lock count ;;
	cost=dio)
		for what in 4K 64K THP hugetlb; do
			pages $what
			cost pin_users count 65536 $what /dev/nullb0
		done ;;
	cost=threads)
		echo never >$thp/enabled
		cost mmap_lock threads 7 ;;
	cost=devices)
		mkdir -p /huge
		mount -t hugetlbfs -o pagesize=1G none /huge
		cost pin_gigantic /huge/page
		umount /huge
		for device in "iommufd 1024" "vfio 1024" "rdma 64"; do
			for what in 4K split 64K THP hugetlb; do
				pages $what
				# shellcheck disable=SC2086	# a name and a size
				cost pin_devices $device $what
			done
		done ;;
	cost=storm)
		cost munmap_storm small 5
		cost munmap_storm thp 4 ;;
	esac
done
echo "COST done"
