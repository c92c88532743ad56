# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Shared by the scripts of the series: locations, the content of the series, and how
# it becomes commits. Sourced after lib.sh, never run.
#
# A new file of the series is kept here as the last patch leaves it. Later patches may
# change it by hunks. To make the commits, these hunks are reverted.
#
# State, all of it in build/:
#   base/linux       a copy of the base, never edited
#   linux            the workspace: base plus series
#   series.git       bare repository of the touched files only
#     heads/series     commit 0 = base files, then one commit for each patch
#     heads/export     the same with @SENDER@ filled in
#     workspace/synced    what assemble last wrote into build/linux
#     workspace/syncing   what it was writing when it was stopped, if it was

# New files of the series stand under these folders, at their kernel paths.
CONTENT=(mm include arch Documentation tools fs kernel lib virt)

case $BUILD in
/*) ;;
*) BUILD=$PWD/$BUILD ;;
esac
PATCHES=$TOP/patches
BASE=$BUILD/base/linux
TREE=$BUILD/linux
REPO=$BUILD/series.git
STAMP=$REPO/workspace-stamp
ERRORS=0
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE

# bad MESSAGE [HINT]: like die, but continue with the next error.
bad() {
	say "${0##*/}: error: $1"
	[ -z "${2-}" ] || say "${0##*/}: try: $2"
	ERRORS=$((ERRORS + 1))
}

# open_series: take the lock, find the base (SRC), create TMP and the repository.
open_series() {
	mkdir -p "$BUILD"
	if [ -z "${SERIES_LOCKED-}" ]; then
		exec 9>"$BUILD/.series.lock"
		flock -n 9 || { say "${0##*/}: waiting for another run"; flock 9; }
		export SERIES_LOCKED=1
	fi
	TMP=$(mktemp -d "$BUILD/.series.XXXXXX")
	trap 'rm -rf "$TMP"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	set -E
	trap 'say "${0##*/}: failed: ${BASH_SOURCE[0]}:$LINENO: $BASH_COMMAND"' ERR
	export GIT_INDEX_FILE=$TMP/index
	SRC=${SERIES_BASE-}
	[ -n "$SRC" ] || SRC=$("$TOP/workbench/run/fetch") || exit 1
	SRC=$(cd "$SRC" && pwd) || die "no base tree" "workbench/run/fetch"
	BASE_ID=$(
		printf '%s ' "$SRC"
		pinned SHA256
		stat -c '%s %Y' "$SRC/Makefile" "$SRC/MAINTAINERS" 2>/dev/null || :
	)
	if [ ! -f "$REPO/workspace-ready" ]; then
		rm -rf "$REPO"
		g init -q --bare
		g config core.quotePath false
		printf '%s\n' '* -text' '*.[ch] diff=cpp' >"$REPO/info/attributes"
		printf '%s\n' '__pycache__/' '*.pyc' >"$REPO/info/exclude"
		: >"$REPO/workspace-ready"
	fi
	read_series
}

# g ARGS: git on the repository of the series, without the user's configuration.
# g_in DIR ARGS: the same with DIR as the work tree.
g() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 git --git-dir="$REPO" "$@"
}

g_in() {
	local dir=$1
	shift
	g -C "$dir" --work-tree="$dir" "$@"
}

# has REV: does this commit exist?
has() {
	g rev-parse -q --verify "$1^{commit}" >/dev/null
}

# pinned KEY: its value in patches/base, or nothing.
pinned() {
	[ ! -f "$PATCHES/base" ] || sed -n "s/^$1=//p" "$PATCHES/base"
}

# read_series: NAMES and POSTINGS in order, HEADING[name] = posting, and TMP/table:
# patch <tab> kind <tab> value, with kind one of subject, adds, file (changed by
# hunks), drops (deleted by one), oops (not allowed).
declare -A HEADING
read_series() {
	local line posting=
	NAMES=() POSTINGS=() HEADING=()
	while IFS= read -r line; do
		case $line in
		''|'#'*) ;;
		'['*']')
			posting=${line:1:-1}
			POSTINGS+=("$posting")
			;;
		*)
			NAMES+=("$line")
			HEADING[$line]=$posting
			;;
		esac
	done < <(cat "$PATCHES/series" 2>/dev/null || :)
	: >"$TMP/table"
	compgen -G "$PATCHES/*/*.patch" >/dev/null || return 0
	awk '
	function emit(kind, value) { print name "\t" kind "\t" value }
	FNR == 1 {
		name = FILENAME
		sub(/.*\//, "", name)
		sub(/\.patch$/, "", name)
		diff = 0
		if (!sub(/^Subject: /, ""))
			emit("oops", "line 1 is not \"Subject: area: phrase\"")
		emit("subject", $0)
		next
	}
	FNR == 2 && NF { emit("oops", "line 2 is not blank") }
	!diff && /^---$/ { diff = 1; next }
	!diff && /^diff --git / { emit("oops", "hunks without a --- line above them") }
	!diff && sub(/^Adds:[ \t]*/, "") { emit("adds", $0) }
	!diff { next }
	/^diff --git / {
		if (NF != 4)
			emit("oops", "a file name with spaces: " $0)
		else if (substr($3, 3) != substr($4, 3))
			emit("oops", "renames a file: " $0)
		else
			emit("file", file = substr($3, 3))
	}
	/^deleted file mode/ { emit("drops", file) }
	/^(rename|copy) (from|to) / { emit("oops", "renames a file: " $0) }
	/^new file mode/ { emit("oops", "a new file in a hunk: store the file here, and claim it with Adds:") }
	/^(GIT binary patch|Binary files )/ { emit("oops", "a binary file in a hunk") }
	' "$PATCHES"/*/*.patch >"$TMP/table"
}

# entries KIND [PATCH]: the values in the table.
entries() {
	awk -F '\t' -v k="$1" -v n="${2-}" '$2 == k && (n == "" || $1 == n) { print $3 }' "$TMP/table"
}

# having KIND VALUE: the patches that have it. owner: the same in readable form.
having() {
	awk -F '\t' -v k="$1" -v v="$2" '$2 == k && $3 == v { print $1 }' "$TMP/table"
}

owner() {
	local n
	having "$@" | while IFS= read -r n; do path "$n"; done | paste -sd '&' | sed 's/&/ and /g'
}

# path NAME: the file of this patch, relative to the top of the repository.
path() {
	local f=patches/${HEADING[$1]-}/$1.patch
	[ -f "$TOP/$f" ] || f=$(cd "$TOP" && compgen -G "patches/*/$1.patch" | head -n 1) || :
	printf '%s\n' "$f"
}

# place NAME: its position in the series. The first patch is 1, commit 0 is the base.
place() {
	printf '%s\n' "${NAMES[@]}" | grep -nxF -- "$1" | cut -d: -f1
}

# members POSTING: its patches.
members() {
	local n
	for n in "${NAMES[@]}"; do
		[ "${HEADING[$n]}" != "$1" ] || printf '%s\n' "$n"
	done
}

# base_files: the base's files that hunks change. growing: our files that hunks change.
base_files() {
	entries file | sort -u | comm -23 - <(entries adds | sort -u)
}

growing() {
	entries file | sort -u | comm -12 - <(entries adds | sort -u)
}

# content_files: every file of this repository that belongs to the series.
content_files() {
	(
		unset GIT_INDEX_FILE
		cd "$TOP" || exit
		git -c core.quotePath=false ls-files -co --exclude-standard -- "${CONTENT[@]}"
	) | sort -u | while IFS= read -r f; do
		[ ! -e "$TOP/$f" ] && [ ! -L "$TOP/$f" ] && [[ $f != \"* ]] || printf '%s\n' "$f"
	done
}

# The rules that assembling needs, one function each. verify has the others.
RULES=(rule_order rule_format rule_names rule_claims rule_new_files rule_hunks)

# patches/series has [posting] lines. Each is followed by the patches in its folder.
# Every patch is listed once.
rule_order() {
	local n f
	[ -f "$PATCHES/series" ] || { bad "patches/series is missing" "ls patches/*/*.patch"; return; }
	grep -nvE '^(# .+|\[[a-z0-9][a-z0-9-]*\]|[A-Za-z0-9][A-Za-z0-9_-]*|)$' "$PATCHES/series" >"$TMP/odd" || :
	while IFS= read -r n; do
		bad "patches/series:$n: neither a patch name, nor a [posting], nor a # comment" "edit patches/series"
	done <"$TMP/odd"
	for n in $({ printf '[%s]\n' "${POSTINGS[@]}"; printf '%s\n' "${NAMES[@]}"; } | sort | uniq -d); do
		bad "patches/series: $n is listed twice" "edit patches/series"
	done
	for n in "${NAMES[@]}"; do
		if [ -z "${HEADING[$n]}" ]; then
			bad "patches/series: $n is below no [posting]" "edit patches/series"
		elif [ ! -f "$PATCHES/${HEADING[$n]}/$n.patch" ]; then
			bad "patches/series: there is no patches/${HEADING[$n]}/$n.patch" "edit patches/series"
		fi
	done
	for f in "$PATCHES"/*.patch "$PATCHES"/*/*.patch; do
		[ -e "$f" ] || continue
		n=${f##*/} n=${n%.patch} f=${f#"$PATCHES/"}
		if [[ $f != */* ]]; then
			bad "patches/$f is in no posting" "git mv patches/$f patches/POSTING/; list $n below [POSTING] in patches/series"
		elif [ -z "${HEADING[$n]-}" ]; then
			bad "patches/$f is not in patches/series" "list $n below [${f%/*}] in patches/series"
		elif [ "$f" != "${HEADING[$n]}/$n.patch" ]; then
			bad "patches/$f: patches/series has $n below [${HEADING[$n]}]" "move one of them, or rename it: names are unique"
		fi
	done
}

# A patch has a subject, changes something, and contains only text.
rule_format() {
	local n what
	while IFS=$'\t' read -r n _ what; do
		bad "$(path "$n"): $what" "edit $(path "$n")"
	done < <(awk -F '\t' '$2 == "oops"' "$TMP/table")
	for n in "${NAMES[@]}"; do
		[ -f "$TOP/$(path "$n")" ] || continue
		[ -n "$(entries adds "$n")$(entries file "$n")" ] ||
			bad "$(path "$n") is empty: no Adds: line and no hunk" "remove it, and its line in patches/series"
	done
}

# File names consist of letters, digits and ._+,@- only.
rule_names() {
	local f
	while IFS= read -r f; do
		bad "$f: a name with spaces or other odd characters" "rename the file"
	done < <({ content_files; entries adds; } | sort -u | grep -vE '^[A-Za-z0-9._+,@/-]+$' || :)
}

# Each new file is claimed by exactly one patch.
rule_claims() {
	local f
	entries adds | sort >"$TMP/claimed"
	while IFS= read -r f; do
		bad "$f is claimed by no patch" "add 'Adds: $f' to the patch in patches/ that it belongs to"
	done < <(content_files | comm -23 - <(sort -u "$TMP/claimed"))
	while IFS= read -r f; do
		bad "$f is claimed twice: by $(owner adds "$f")" "remove 'Adds: $f' from all but one"
	done < <(uniq -d "$TMP/claimed")
}

# A claimed file exists here, is text, and does not exist in the base.
rule_new_files() {
	local f
	while IFS= read -r f; do
		if [ ! -f "$TOP/$f" ] || [ -L "$TOP/$f" ]; then
			bad "$(owner adds "$f"): Adds: $f, which is not a file here" "write $f, or remove the line"
		elif ! content_files | grep -qxF -- "$f"; then
			bad "$(owner adds "$f"): Adds: $f, which cannot be in the series (ignored, or not under ${CONTENT[*]})" "move $f"
		elif [ -e "$SRC/$f" ]; then
			bad "$(owner adds "$f"): Adds: $f, which the base has already" "change it by a hunk"
		elif [ -s "$TOP/$f" ] && ! LC_ALL=C grep -qI . "$TOP/$f"; then
			bad "$(owner adds "$f"): $f is a binary file" "the series holds text only: generate it when it is built"
		fi
	done < <(entries adds | sort -u)
}

# Hunks change files of the base, or files that an earlier patch adds.
rule_hunks() {
	local f n first
	while IFS= read -r f; do
		[ -f "$SRC/$f" ] || bad "$(owner file "$f") changes $f, which is neither the base's nor the series'" "edit that patch"
	done < <(base_files)
	while IFS= read -r f; do
		first=$(having adds "$f" | head -n 1)
		for n in $(having file "$f"); do
			[ "$(place "$n")" -gt "$(place "$first")" ] ||
				bad "$(path "$n") changes $f, which $(path "$first") adds" "edit $f itself, or let a patch before it add $f"
		done
		[ -z "$(having drops "$f")" ] ||
			bad "$(owner drops "$f") deletes $f, which $(path "$first") adds" "remove $f, its Adds: line, and the hunks on it"
	done < <(growing)
}

# check_series: check all of these rules, and stop if one is broken.
check_series() {
	local r
	for r in "${RULES[@]}"; do
		"$r"
	done
	[ "$ERRORS" -eq 0 ] || die "the series breaks its rules ($ERRORS errors above)" "workbench/series/verify"
}

# identity: "Name <email>" of the user, or nothing.
identity() {
	local name mail
	name=${GIT_AUTHOR_NAME:-$(git -C "$TOP" config user.name || :)}
	mail=${GIT_AUTHOR_EMAIL:-$(git -C "$TOP" config user.email || :)}
	[ -z "$name" ] || [ -z "$mail" ] || printf '%s <%s>\n' "$name" "$mail"
}

# as_user COMMAND: git with a fixed author and date, so that hashes repeat.
as_user() {
	local who
	who=$(identity)
	who=${who:-nobody <nobody@localhost>}
	GIT_AUTHOR_NAME=${who% <*} GIT_AUTHOR_EMAIL=$(expr "$who" : '.*<\(.*\)>') \
	GIT_COMMITTER_NAME=${who% <*} GIT_COMMITTER_EMAIL=$(expr "$who" : '.*<\(.*\)>') \
	GIT_AUTHOR_DATE='1767225600 +0000' GIT_COMMITTER_DATE='1767225600 +0000' "$@"
}

# message PATCH, hunks PATCH: the parts of a patch file.
message() {
	sed -e '/^---$/,$d' -e '1s/^Subject: //' -e '/^Adds:/d' "$TOP/$(path "$1")" | git stripspace
}

hunks() {
	sed '1,/^---$/d' "$TOP/$(path "$1")"
}

# part PATCH ours|base: its hunks on files of ours, or on those of the base.
part() {
	hunks "$1" | awk -v want="$2" -v list="$TMP/growing" '
		BEGIN { while ((getline f <list) > 0) ours[f] }
		/^diff --git / { here = substr($3, 3) in ours ? "ours" : "base" }
		here == want'
}

# apply_cached [-R]: apply TMP/diff to the index. A hunk with different context is an
# error, an offset is not. TMP/apply has the messages, and $failed is "FILE:LINE".
apply_cached() {
	failed=
	if ! g apply --cached -v --whitespace=nowarn "$@" "$TMP/diff" >"$TMP/apply" 2>&1; then
		failed=$(sed -n 's/^error: patch failed: //p' "$TMP/apply" | head -n 1)
		rm -rf "$BUILD/reject"
		sed -n 's|^diff --git a/\(.*\) b/.*|\1|p' "$TMP/diff" |
			g checkout-index -q -f --prefix="$BUILD/reject/" --stdin || :
		grep '^error:' "$TMP/apply" >&2 || :
		return 1
	fi
	! grep -q offset "$TMP/apply" || echo "$name" >>"$TMP/offsets"
}

# unwind: the growing files of ours, as each patch leaves them. The last version is
# the one here. Earlier versions are made by reverting hunks, from the last patch to
# the first one. TMP/stage/PATCH is the input of update-index.
unwind() {
	local i name failed f
	growing >"$TMP/growing"
	rm -rf "$TMP/stage"
	mkdir "$TMP/stage"
	[ -s "$TMP/growing" ] || return 0
	rm -f "$GIT_INDEX_FILE"
	g read-tree --empty
	g_in "$TOP" update-index --add --stdin <"$TMP/growing"
	for ((i = ${#NAMES[@]} - 1; i >= 0; i--)); do
		name=${NAMES[i]}
		{ entries adds "$name"; entries file "$name"; } | sort -u | comm -12 - "$TMP/growing" >"$TMP/these"
		[ -s "$TMP/these" ] || continue
		g ls-files -s | awk -F '\t' -v list="$TMP/these" '
			BEGIN { while ((getline f <list) > 0) these[f] }
			$2 in these' >"$TMP/stage/$name"
		part "$name" ours >"$TMP/diff"
		[ -s "$TMP/diff" ] || continue
		apply_cached -R || cannot_unwind
	done
}

# cannot_unwind: report the hunk (of TMP/diff, by name), and what to do.
cannot_unwind() {
	local f=${failed%%:*} at
	[ -n "$f" ] || die "$(path "$name"): its hunks on files of ours are not in order" "edit $(path "$name")"
	at=$(awk -v want="a/$f" -v line="${failed##*:}" '
		/^diff --git / { here = $3 == want }
		here && /^@@ / { split($3, n, ","); if (n[1] + 0 == line) { print $1, $2, $3, "@@"; exit } }' "$TMP/diff")
	die "$(path "$name"): its hunk $at cannot be taken back from $f as it is here: $failed" \
		"cp $f $TREE/$f; git checkout $f; make import (or mend the hunk: it ought to lead to $BUILD/reject/$f)"
}

# fill_in WHO: replace the placeholder by the sender.
fill_in() {
	sed "s|@SENDER@|$(printf '%s' "$1" | sed 's/[&|\\]/\\&/g')|g"
}

# make_commits BRANCH [SENDER]: commit the series on top of the base files that it
# touches.
make_commits() {
	local name parent tree failed
	: >"$TMP/offsets"
	unwind
	rm -f "$GIT_INDEX_FILE"
	g read-tree --empty
	base_files | g_in "$SRC" update-index --add --stdin
	parent=$(echo base | as_user g commit-tree "$(g write-tree)")
	for name in "${NAMES[@]}"; do
		part "$name" base | if [ -n "${2-}" ]; then fill_in "$2"; else cat; fi >"$TMP/diff"
		if [ -s "$TMP/diff" ] && ! apply_cached; then
			die "$(path "$name") does not apply${failed:+: $failed}" \
				"edit $(path "$name"); the files as the patches before it leave them are in $BUILD/reject"
		fi
		entries adds "$name" | sort -u | comm -23 - "$TMP/growing" | g_in "$TOP" update-index --add --stdin
		[ ! -f "$TMP/stage/$name" ] || g update-index --index-info <"$TMP/stage/$name"
		tree=$(g write-tree)
		parent=$(message "$name" | as_user g commit-tree "$tree" -p "$parent" -F -)
	done
	g update-ref "refs/heads/$1" "$parent"
	sort -u "$TMP/offsets" | while IFS= read -r name; do
		say "${0##*/}: note: $(path "$name") applies with line offsets (REFRESH=1 workbench/series/import)"
	done
}

# update_series: update heads/series to the repository's state. Fast if nothing changed.
update_series() {
	local key
	check_series
	key=$({
		printf '%s\n' "$BASE_ID" "$(identity)"
		cd "$TOP" || exit
		cat workbench/series/common.sh patches/series patches/*/*.patch 2>/dev/null || :
		entries adds | xargs -r -d '\n' stat -c '%A %n'
		entries adds | xargs -r -d '\n' sha1sum
	} | sha1sum)
	if [ "$key" != "$(cat "$REPO/workspace-key" 2>/dev/null)" ] || ! has series; then
		make_commits series
		printf '%s\n' "$key" >"$REPO/workspace-key"
		g -c gc.autoDetach=false -c gc.pruneExpire=now gc --auto -q
	fi
}

# touched REV: each path in these commits, including paths that a hunk removes.
touched() {
	{
		g ls-tree -r --name-only "$(g rev-list --max-parents=0 "$1")"
		g ls-tree -r --name-only "$1"
	} | sort -u
}

# changed_since: paths in the workspace that were written since the last sync, and
# the base's files in folders where files were created or removed. Uses change times,
# not checksums, because it checks every file of a kernel tree.
changed_since() {
	local p
	cd "$TREE" || exit
	find . -path ./.git -prune -o \( -type f -o -type l \) -cnewer "$STAMP" -printf '%P\n' | sort >"$TMP/newer"
	while IFS= read -r p; do
		[ ! -e "$BASE/$p" ] && [ ! -L "$BASE/$p" ] || printf '%s\n' "$p"
	done <"$TMP/newer" >"$TMP/inbase"
	cat "$TMP/inbase"
	comm -23 "$TMP/newer" "$TMP/inbase" >"$TMP/new"
	{ g_in "$TREE" check-ignore --no-index --stdin <"$TMP/new" || :; } | sort | comm -13 - "$TMP/new"
	find . -path ./.git -prune -o -type d -cnewer "$STAMP" -printf '%P\n' | while IFS= read -r p; do
		[ -d "$BASE/$p" ] || continue
		comm -23 <(ls -A "$BASE/$p") <(ls -A "$TREE/$p") | while IFS= read -r f; do
			(cd "$BASE" && find "${p:+$p/}$f" ! -type d)
		done
	done
}

# full_tree REV: its tree. Paths of TMP/paths that it does not have get the base's
# content. The result is what the workspace should hold at these paths.
full_tree() {
	local p
	g read-tree "$1"
	touched "$1" | comm -13 - "$TMP/paths" | while IFS= read -r p; do
		[ ! -e "$BASE/$p" ] && [ ! -L "$BASE/$p" ] || printf '%s\n' "$p"
	done | g_in "$BASE" update-index --add --stdin
	g write-tree
}

# load TREE: read it into a fresh index and compare with the workspace.
load() {
	rm -f "$GIT_INDEX_FILE"
	g read-tree "$1"
	g_in "$TREE" update-index -q --refresh >/dev/null || :
}

# surplus: paths of TMP/paths that are in the workspace but not in the index.
surplus() {
	local p
	g ls-files | sort | comm -13 - "$TMP/paths" | while IFS= read -r p; do
		[ ! -e "$TREE/$p" ] && [ ! -L "$TREE/$p" ] || printf '%s\n' "$p"
	done
}

# edits REV...: write to TMP/edits the paths of the workspace that differ from all
# REVs. These are edits that are not in the series.
edits() {
	local r tree
	{
		for r; do ! has "$r" || touched "$r"; done
		(changed_since)
	} | sort -u >"$TMP/paths"
	cp "$TMP/paths" "$TMP/edits"
	for r; do
		has "$r" || continue
		tree=$(full_tree "$r")
		load "$tree"
		{ g_in "$TREE" diff-files --name-only; surplus; } | sort -u |
			comm -12 - "$TMP/edits" >"$TMP/edits.new"
		mv "$TMP/edits.new" "$TMP/edits"
	done
}
