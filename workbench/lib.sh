# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2034
# Shared by all scripts here: locations, messages, errors.
# This file is sourced, never run. The caller has run "set -eu".

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
BUILD=${BUILD:-$TOP/build}
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/lockless-walk
ARCH=${ARCH:-x86_64}
JOBS=${JOBS:-$(nproc)}
DRYRUN=${DRYRUN:-}

# Variables of an outer make must not reach the kernel's make.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES
# Messages are parsed and compared, so they must be in one language.
export LC_ALL=C.UTF-8

say() { printf '%s\n' "$*" >&2; }

# die MESSAGE [HINT]: print what is wrong and what to do next, and exit.
die() {
	say "${0##*/}: error: $1"
	[ -z "${2-}" ] || say "${0##*/}: try: $2"
	exit 1
}

# phase N/N TEXT: print one line for each step of long work.
phase() {
	say "[$1] $2 ($((SECONDS / 60))m$((SECONDS % 60))s)"
}

# run COMMAND...: run it, or print it with DRYRUN=1.
run() {
	if [ -n "$DRYRUN" ]; then
		printf '+ %s\n' "$*"
	else
		"$@"
	fi
}

# with_libraries ROOT FILE...: put programs and libraries of this machine into a guest,
# with the libraries that they are linked to.
with_libraries() {
	local root=$1 file
	shift
	for file; do
		file=$(command -v "$file" || echo "$file")
		{
			echo "$file"
			ldd "$file" | sed -nE 's,^[^/]*(/[^ ]*) .*,\1,p'
		} | while read -r file; do
			install -D "$file" "$root$file" || return
		done || return
	done
}

# usage: print the comment block at the head of the calling script.
usage() {
	sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

case ${1-} in
-h|--help) usage; exit 0 ;;
esac
