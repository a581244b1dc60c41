#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The end of a run from outside: by SIGINT, by SIGTERM and by --duration there is a report, JSON too, and exit status 0.
# usage: signals.sh HRLINK
set -u
hrlink=$(realpath "$1")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

bad() {
	echo "not ok: $*"
	cat "$tmp"/*.txt
	failed=1
}

command -v jq >/dev/null || { echo "signals.sh needs jq: apt-get install jq"; exit 1; }

# looks NAME: the report of a run over two wires on which nothing came.
looks() {
	grep -q '^a to b   in 0 frames' "$tmp/$1.txt" || bad "$1: no report"
	jq -e '.config.seed == 5 and .config.ab == "delay=1ms"' "$tmp/$1.json" \
		>/dev/null || bad "$1: the configuration is not in the JSON"
	jq -e '(.a_to_b, .b_to_a) | .in_packets == 0 and .lost == 0 and .late_max_us == 0 and .out_mbps == 0' \
		"$tmp/$1.json" >/dev/null || bad "$1: JSON"
}

for signal in INT TERM; do
	"$hrlink" --a wire:0 --b wire:1 --both delay=1ms --seed 5 --interval 100ms --no-huge --json "$tmp/$signal.json" \
		>"$tmp/$signal.txt" 2>&1 &
	pid=$!
	tries=0
	while ! grep -q '^    0' "$tmp/$signal.txt" && kill -0 $pid 2>/dev/null && [ $tries -lt 300 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	begin=$(date +%s%N)
	kill -"$signal" $pid
	wait $pid
	status=$?
	took=$((($(date +%s%N) - begin) / 1000000))
	[ $status -eq 0 ] || bad "$signal: exit status $status"
	[ $took -le 3000 ] || bad "$signal: $took ms until the end"
	looks "$signal"
done

"$hrlink" --a wire:0 --b wire:1 --both delay=1ms --seed 5 --duration 300ms --no-huge --quiet --json - \
	>"$tmp/time.json" 2>"$tmp/time.txt" || bad "duration: exit status $?"
looks time
jq -e '.seconds >= 0.3 and .seconds < 3' "$tmp/time.json" >/dev/null || bad "duration: the time"
"$hrlink" --a wire:0 --b wire:1 --duration 10ms --no-huge --json /proc/nosuch/x >"$tmp/file.txt" 2>"$tmp/err.txt"
[ $? -eq 2 ] || bad "file: exit status"
grep -qx -e '--json /proc/nosuch/x cannot be written: No such file or directory' "$tmp/err.txt" || bad "file: the sentence"
[ $failed -eq 0 ] && echo "ok: signals"
exit $failed
