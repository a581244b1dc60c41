# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Sourced by the scripts that build: finds the project, configures a build folder once, compiles.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# One sentence for people, then out.
die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# build_if_needed DIR [meson option...]: DIR is configured when it is new; ninja does what is left.
build_if_needed() {
	local dir=$1 log
	shift
	log=$(mktemp)
	if [ ! -f "$dir/build.ninja" ]; then
		echo "configuring $dir"
		if ! (cd "$root" && meson setup "$dir" "$@") >"$log" 2>&1; then
			cat "$log" >&2
			rm -f "$log"
			die "meson cannot configure $dir; the reason is above"
		fi
	fi
	echo "building $dir"
	if ! ninja -C "$dir" >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		die "the build in $dir failed; the reason is above"
	fi
	rm -f "$log"
}
