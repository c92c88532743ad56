#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
# base-walker.sh GUP.c: print the functions of the walker in an unpatched mm/gup.c, so
# that they can be compiled next to our walker.
set -eu

awk '
function wanted(line) {
	return line ~ /^static inline struct folio \*(try_get_folio|gup_folio_next)\(/ ||
	       line ~ /^static void (gup_put_folio|gup_fast_unpin_user_pages)\(/
}
wanted($0) { on = 1; found++ }
/^#ifdef CONFIG_HAVE_GUP_FAST/ { on = region = 1; found++ }
/^static unsigned long gup_fast\(/ { region = 0; on = 1; found++ }
on { print }
on && !region && /^}/ { on = 0 }
region == 1 && /^#endif.*CONFIG_HAVE_GUP_FAST/ && found < 6 { on = region = 0 }
END { exit found != 7 }
' "$1" || {
	echo "base-walker.sh: $1 is not an mm/gup.c with a walker in it" >&2
	exit 1
}
