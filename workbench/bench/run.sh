#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# Guest side of workbench/run/bench. For each row of the table it runs gup_test on
# memory of the kind that the key names, checks that the memory is of that kind, prints
#	BENCH row=KEY pages=N us=A,B,C cmd=COMMAND; STATE
# or	BENCH figure=KEY unit=UNIT value=N cmd=COMMAND
# or	BENCH error=KEY TEXT
# Nothing else runs meanwhile: no khugepaged scan and no other process. With bench=gup
# on the kernel's command line it ends after the rows of gup/.
set -u
thp=/sys/kernel/mm/transparent_hugepage
repeats=5
PATH=/bench:$PATH

set_thp() { # KiB of the only size allowed, 0 for none
	for d in "$thp"/hugepages-*kB; do
		for f in "$d/enabled" "$d/shmem_enabled"; do
			[ ! -f "$f" ] || echo never >"$f"
		done
	done
	[ "$1" = 0 ] || echo always >"$thp/hugepages-$1kB/enabled"
}

# stats: "NAME COUNT" of successful and failed large allocations of each size.
stats() {
	for d in "$thp"/hugepages-*kB; do
		for s in anon_fault_alloc anon_fault_fallback shmem_alloc; do
			[ ! -f "$d/stats/$s" ] || echo "${d##*-}/$s $(cat "$d/stats/$s")"
		done
	done
}

# wrong KiB MiB: print counters that did not grow as they should between /tmp/before
# and /tmp/after. Stacks and heaps of the programs may add a few folios to those of
# the measured memory, but no allocation may have failed. A 32-bit mmap() does not
# align, so the memory has small pages at its ends there.
wrong() {
	awk -v kib="$1" -v mib="$2" -v ends="$unaligned" '
		NR == FNR { before[$1] = $2; next }
		{ grown = $2 - before[$1]; want = 0 }
		kib && $1 == kib "kB/anon_fault_alloc" { want = mib * 1024 / kib - ends; seen = 1 }
		grown < want || grown && !want { printf "%s grew by %d, not %d; ", $1, grown, want }
		END { if (kib && !seen) printf "no statistics of %d KiB folios; ", kib }
	' /tmp/before /tmp/after
}

row() { # KEY FLAG PAGES_A_CALL SIZE THP MIB PROGRAM...
	key=$1 flag=$2 n=$3 size=$4 kib=$5 mib=$6 alias=''
	shift 6
	# A kernel without ranges pins an array of pages.
	if [ "$flag" = -R ]; then
		alias=' (-a without ranges)'
		[ $has_ranges = 1 ] || flag=-a
	fi
	set -- "$@" "$flag" -m "$mib" -r "$repeats" -n "$n"
	set_thp "$kib"
	state="THP off"
	[ "$kib" = 0 ] || state="hugepages-${kib}kB=always"
	case $size in
	shmem*) rm -f /tmp/shmem && truncate -s "${mib}M" /tmp/shmem ;;
	hugetlb-2M)
		state="hugetlb 2048 kB"
		grep -q '^Hugepagesize: *2048 kB' /proc/meminfo || {
			echo "BENCH error=$key the default hugetlb page is not 2 MiB"
			return
		} ;;
	esac
	stats >/tmp/before
	"$@" >/tmp/out 2>&1
	status=$?
	stats >/tmp/after
	rm -f /tmp/shmem
	# kselftest prints its "# " before the line feed, too.
	us=$(sed -n 's/.*Time: get:\([0-9]*\) put:[0-9]* us\(# \)*$/\1/p' /tmp/out)
	bad=$(wrong "$kib" "$mib")
	count=$(echo "$us" | grep -c .)
	[ "$count" = "$repeats" ] || bad="$count whole runs, not $repeats: $(tail -n 3 /tmp/out | tr '\n' ' '); $bad"
	[ "$status" = 0 ] || bad="status $status: $(tail -n 1 /tmp/out); $bad"
	if [ -n "$bad" ]; then
		echo "BENCH error=$key $bad($*)"
	elif [ -n "$alias" ]; then
		# shellcheck disable=SC2086	# one word for each time
		echo "BENCH row=$key pages=$((mib * 1024 / page_kib)) us=$(echo $us | tr ' ' ,) cmd=$(echo "$*" | sed "s/ $flag / -R /")$alias; $state"
	else
		# shellcheck disable=SC2086	# one word for each time
		echo "BENCH row=$key pages=$((mib * 1024 / page_kib)) us=$(echo $us | tr ' ' ,) cmd=$*; $state"
	fi
}

figure() { # KEY UNIT PROGRAM...
	key=$1 unit=$2
	shift 2
	if value=$("$@" 2>/tmp/err); then
		sed 's/^/# /' /tmp/err
		echo "BENCH figure=$key unit=$unit value=$value cmd=$*"
	else
		echo "BENCH error=$key $(cat /tmp/err)"
	fi
}

case $(uname -m) in
arm*) unaligned=1 ;;
*) unaligned=0 ;;
esac
page_kib=$(awk '/^KernelPageSize:/ { print $2; exit }' /proc/self/smaps)
pmd_kib=$(($(cat $thp/hpage_pmd_size) / 1024))
echo 4294967295 >$thp/khugepaged/scan_sleep_millisecs
only_gup=0
grep -q 'bench=gup' /proc/cmdline && only_gup=1
has_ranges=0
gup_ranges -R -m 2 2>&1 | grep -q 'Time: get' && has_ranges=1
while read -r size kib m1 m16 m512 program; do
	case $size in
	''|'#'*) continue ;;
	esac
	[ "$kib" != pmd ] || kib=$pmd_kib
	for what in get pin; do
		flag=-u
		[ $what = get ] || flag=-a
		for call in "1 $m1" "16 $m16" "512 $m512"; do
			n=${call% *} mib=${call#* }
			# shellcheck disable=SC2086	# the program has arguments
			row "gup/$what/$n/$size" $flag "$n" "$size" "$kib" "$mib" $program
		done
	done
	[ $only_gup = 0 ] || continue
	case $program in
	gup_test*) program=gup_ranges${program#gup_test} ;;
	esac
	# shellcheck disable=SC2086
	row "ranges/pin/512/$size" -R 512 "$size" "$kib" "$m512" $program
done </bench/sizes.tsv
[ $only_gup = 0 ] || { echo "BENCH done"; exit; }
# pin_user_pages() under mmap_lock
row locked/pin/1/4K -L 1 4K 0 16 gup_test
row locked/pin/1/THP -L 1 THP "$pmd_kib" 16 gup_test
row locked/pin/512/4K -L 512 4K 0 128 gup_test
[ ! -d $thp/hugepages-64kB ] || row locked/pin/512/64K -L 512 64K 64 256 gup_test
row locked/pin/512/THP -L 512 THP "$pmd_kib" 256 gup_test
figure pt/reclaim-vmpte % pt_reclaim all
set_thp 0
for what in dontneed-4K dontneed-64K punch truncate remove shared; do
	figure pt/reclaim-$what % pt_reclaim $what
done
for what in punch refill dontneed-64K munmap; do
	figure pt/cost-$what insn/page pt_reclaim cost-$what
done
set_thp $pmd_kib
figure pt/reclaim-free % pt_reclaim free
set_thp 0
for what in fault mprotect mremap zap fork; do
	size=4K
	[ $what != mremap ] || size=2M
	figure map/$what-$size insn/page map_cost $what
done
for kib in 0 64; do
	set_thp $kib
	size=${kib}K
	[ $kib != 0 ] || size=4K
	figure fault/pin/512/$size insn/page fault_cost pin
	figure fault/populate/$size insn/page fault_cost populate
done
set_thp 0
figure fault/pin/512/shmem-4K insn/page fault_cost pin /tmp/shmem
for what in pin populate map mlock; do
	figure writer/$what us fault_cost writer $what
done
for what in readv mem; do
	figure reader/$what us fault_cost reader $what
done
echo 64 >/proc/sys/vm/nr_hugepages
for what in 4K 64K THP hugetlb; do
	case $what in
	64K) set_thp 64 ;;
	THP) set_thp "$pmd_kib" ;;
	*) set_thp 0 ;;
	esac
	figure uring/register/64M/$what insn pin_users register $what
	figure dio/read/1M/$what insn pin_users read 1024 $what /dev/nullb0
done
figure dio/read/64M/hugetlb insn pin_users read 65536 hugetlb /dev/nullb0
echo "BENCH done"
