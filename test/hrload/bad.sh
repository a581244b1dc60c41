#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Wrong input: exit status 2, nothing on stdout, and exactly the expected sentence on stderr.
# usage: bad.sh HRLOAD DIR     DIR/bad/*.yaml begin with "# expect: SENTENCE"; flags are below.
set -u
hrload=$(realpath "$1")
dir=$2
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
count=0
failed=0

# expect SENTENCE ARGS...
expect() {
	want=$1
	shift
	count=$((count + 1))
	"$hrload" "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	printf '%s\n' "$want" >"$tmp/want"
	if [ $status -ne 2 ] || [ -s "$tmp/out" ] || ! cmp -s "$tmp/err" "$tmp/want"; then
		failed=$((failed + 1))
		echo "not ok: hrload $* (exit status $status)"
		echo "  wanted: $want"
		echo "  got:    $(cat "$tmp/err" "$tmp/out")"
	fi
}

cd "$dir/bad" || exit 1
for file in *.yaml; do
	expect "$(sed -n '1s/^# expect: //p' "$file")" check "$file"
done

while IFS='|' read -r args want; do
	[ -n "$args" ] || continue
	# The arguments are split at blanks, as a shell would; none of them needs quotes.
	# shellcheck disable=SC2086
	expect "$want" $args
done <"$dir/flags.txt"

expect 'hrload: a command is missing; try hrload demo, or hrload --help'
expect '--path "" is empty; give PATH: what to GET' both --path ''
expect 'both.json/missing/x.yaml: No such file or directory; name a readable scenario file' run both.json/missing/x.yaml

# Port strings are the library's: one sentence, and the place is ours.
for port in wier:0 'impair(los=1%) wire:0' 'impair(loss=1%' 'wire:' ' ' 'impair(loss=1%)'; do
	count=$((count + 1))
	"$hrload" both --no-huge --port "$port" >"$tmp/out" 2>"$tmp/err"
	if [ $? -ne 2 ] || [ -s "$tmp/out" ] || [ "$(wc -l <"$tmp/err")" -ne 1 ] || ! grep -q '^--port: ' "$tmp/err"; then
		failed=$((failed + 1))
		echo "not ok: --port \"$port\""
		cat "$tmp/out" "$tmp/err"
	fi
done

echo "$count wrong inputs, $failed answered wrongly"
[ $failed -eq 0 ] && [ $count -ge 80 ]
