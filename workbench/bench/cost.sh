#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest side of workbench/run/bench-costs, bench-track, bench-refs, bench-devices and evidence:
# runs what cost= on the kernel's command line names. Prints for each figure of a program
#	COST row=KEY unit=UNIT value=N cmd=COMMAND
# or	COST error=COMMAND TEXT
set -u
PATH=/bench:$PATH
thp=/sys/kernel/mm/transparent_hugepage
mutant=/sys/kernel/debug/lockless_walk_mutant

cost() { # COMMAND...: run it and print its figures
	"$@" >/tmp/out 2>/tmp/err || {
		echo "COST error=$* status $?: $(tail -n 1 /tmp/err)"
		return
	}
	sed 's/^/# /' /tmp/err
	while read -r key unit value; do
		echo "COST row=$key unit=$unit value=$value cmd=$*"
	done </tmp/out
}

# pages WHAT: set what madvise() brings. hugetlb's pool is empty unless WHAT is hugetlb.
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

# vmpte WHAT: VmPTE before and after pt_reclaim WHAT.
vmpte() {
	pt_reclaim "$1" 2>/tmp/vmpte >/dev/null || { cat /tmp/vmpte >&2; return 1; }
	sed -n "s,^\(.*\) kB before\, \(.*\) kB after,reclaim/$1-before kB \1\nreclaim/$1-after kB \2,p" /tmp/vmpte
}

# isolated WHAT COMMAND...: how often CPU 3 is interrupted in 40 s in which COMMAND runs,
# in total as counted by osnoise, and by function calls of other CPUs. Starting a tracer
# interrupts all CPUs, too.
isolated() {
	what=$1
	shift
	[ "$(cat /sys/devices/system/cpu/nohz_full)" = 3 ] || { echo "CPU 3 is not nohz_full" >&2; return 1; }
	rtla osnoise top -q -c 3 -d 1h >/tmp/osnoise &
	sleep 8
	end=$(($(date +%s) + 40))
	before=$(awk '$1 == "CAL:" { print $5 }' /proc/interrupts)
	"$@" >/dev/null || { kill -INT $!; return 1; }
	rest=$((end - $(date +%s)))
	[ $rest -ge 0 ] || { kill -INT $!; echo "it took $((40 - rest)) s" >&2; return 1; }
	sleep $rest
	after=$(awk '$1 == "CAL:" { print $5 }' /proc/interrupts)
	kill -INT $!
	wait $!
	awk -v what="$what" '$1 == 3 && $2 ~ /^#/ { print "isolated/" what "-irq interrupts " $10 }' /tmp/osnoise
	echo "isolated/$what-cal interrupts $((after - before))"
}

# fio_register WHAT MEM: instructions in the kernel, in thousands, when fio registers a
# buffer of 64 MiB: microseconds of a guest under -icount.
fio_register() {
	tracing=/sys/kernel/tracing
	echo 'p:in io_sqe_buffers_register' >$tracing/kprobe_events
	echo 'r:out io_sqe_buffers_register' >>$tracing/kprobe_events
	echo >$tracing/trace
	echo 1 >$tracing/events/kprobes/enable
	fio --name=register --filename=/dev/nullb0 --size=64m --bs=64m --rw=write --direct=1 --ioengine=io_uring \
		--fixedbufs --mem="$2" --iomem_align=2m --thread --eta=never >&2 || return
	echo 0 >$tracing/events/kprobes/enable
	awk -v what="$1" '{ sub(":", "", $4) } $5 == "in:" { from = $4 }
		$5 == "out:" { printf "register/fio-64M-%s kinsn %d\n", what, ($4 - from) * 1e6 + 0.5 }' $tracing/trace
	echo >$tracing/kprobe_events
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
	cost=collapse)
		echo 4 >/proc/sys/vm/nr_hugepages
		cost pt_cost collapse idle
		cost pt_cost unshare idle ;;
	cost=pin60)
		cost walk_track pin60 ;;
	cost=isolated)
		echo 4 >/proc/sys/vm/nr_hugepages
		cost isolated nothing true
		cost isolated khugepaged pt_cost khugepaged
		cost isolated unshare pt_cost unshare quiet ;;
	cost=register)
		for what in 4K THP hugetlb; do
			pages $what
			[ $what != THP ] || echo always >$thp/enabled
			mem=mmap
			[ $what != hugetlb ] || mem=shmhuge
			cost fio_register $what $mem
		done ;;
	cost=tables)
		cost vmpte punch
		cost env LD_PRELOAD=/usr/lib/x86_64-linux-gnu/libjemalloc.so.2 alloc_load ;;
	cost=storm)
		cost munmap_storm small 5
		cost munmap_storm thp 4 ;;
	esac
done
echo "COST done"
