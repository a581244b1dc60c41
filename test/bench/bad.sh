#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Wrong input to goodput and fairness: exit status 2, nothing on stdout, one sentence. usage: bad.sh DIR
set -u
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
count=0
failed=0

while IFS='|' read -r args want; do
	count=$((count + 1))
	# shellcheck disable=SC2086
	timeout 20 python3 "$1"/$args >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	printf '%s\n' "$want" >"$tmp/want"
	if [ $status -ne 2 ] || [ -s "$tmp/out" ] || ! cmp -s "$tmp/err" "$tmp/want"; then
		failed=$((failed + 1))
		echo "not ok: $args (exit status $status)"
		echo "  wanted: $want"
		echo "  got:    $(cat "$tmp/err" "$tmp/out")"
	fi
done <<'CASES'
goodput --cells 5%/20|goodput: --cells "5%/20": write loss/RTT/reordering, as in 1%/20ms/2%
goodput --runs 0|goodput: --runs "0" is too small
goodput --runs x|goodput: --runs "x" is not a number
goodput --nosuch|goodput: --nosuch: there is no such option; see test/bench/goodput --help
goodput --cells|goodput: --cells: the value is missing
goodput --directions HH|goodput: --directions "HH": use LL, HL and LH
goodput --skip 20|goodput: --skip leaves nothing of --seconds
fairness --a bsd|fairness: --a "bsd": use headrace or linux
fairness --rtt 1s|fairness: --rtt "1s": write it in ms, as in 20ms
fairness --skip 60|fairness: --skip leaves nothing of --seconds, or no --runs
fairness --seconds many|fairness: --seconds "many" is not a number
CASES
echo "$count wrong inputs, $failed answered wrongly"
[ $failed -eq 0 ] && [ $count -ge 11 ]
