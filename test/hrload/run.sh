#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Short runs of hrload over a wire in memory, looked at from outside.
# usage: run.sh HRLOAD report|configs|signals|link CONFIG_DIR
set -u
hrload=$(realpath "$1")
what=$2
configs=$3
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

command -v jq >/dev/null || { echo "run.sh needs jq: apt-get install jq"; exit 1; }

bad() {
	echo "not ok: $*"
	failed=1
}

# json FILE EXPRESSION: the expression must be true of the report.
json() {
	jq -e "$2" "$1" >/dev/null || { bad "$1: $2"; jq -c 'del(.config)' "$1"; }
}

# What is true of every report.
invariants() {
	json "$1" '.totals.attempted == .totals.completed + .totals.failed + .totals.active'
	json "$1" '.totals.established <= .totals.attempted and .totals.completed <= .totals.established'
	json "$1" '(.errors | add) == .totals.failed'
	json "$1" '[.latency_us[] | .p50 <= .p90 and .p90 <= .p99 and .p99 <= .p999 and .p999 <= .max] | all'
	json "$1" '.totals.failed + .totals.active > 0 or .latency_us.first_byte.p50 <= .latency_us.transaction.p50'
	json "$1" 'keys_unsorted[0:10] == ["config", "totals", "server", "rates", "latency_us", "retransmits",
		"drops", "errors", "busy", "verdict"]'
	json "$1" '.verdict | length > 0'
}

# run STATUS NAME ARGS...: hrload with a JSON report in $tmp/NAME.json.
run() {
	want=$1
	name=$2
	shift 2
	"$hrload" "$@" --no-huge --json "$tmp/$name.json" >"$tmp/$name.txt" 2>"$tmp/$name.err"
	status=$?
	[ $status -eq "$want" ] || { bad "$name: exit status $status, not $want"; cat "$tmp/$name.txt" "$tmp/$name.err"; }
	[ -f "$tmp/$name.json" ] && invariants "$tmp/$name.json"
}

test_report() {
	run 0 count both --connections 1000 --concurrency 50
	json "$tmp/count.json" '.totals == {attempted: 1000, established: 1000, completed: 1000, failed: 0, active: 0}'
	json "$tmp/count.json" '.server.accepted == 1000 and .server.requests == 1000 and .server.bad_requests == 0'
	json "$tmp/count.json" '.server.body_bytes == 128000 and .retransmits == 0'
	json "$tmp/count.json" '.latency_us.connect.p50 > 0 and .latency_us.transaction.max > 0'
	json "$tmp/count.json" '.busy.client > 0 and .busy.client <= 100 and .busy.server > 0'

	run 0 many both --connections 20 --concurrency 4 --requests 50 --keepalive --path /bytes/5000 --sha256 --client-workers 2
	json "$tmp/many.json" '.totals.completed == 20 and .server.requests == 1000 and .server.body_bytes == 5000000'
	json "$tmp/many.json" '.sha256 | length == 64'

	# Without HTTP: one byte each way, and requests and responses that no buffer holds.
	run 0 tcp both --protocol tcp --connections 1000 --concurrency 50
	json "$tmp/tcp.json" '.totals.completed == 1000 and .server.requests == 1000 and .server.body_bytes == 1000'
	json "$tmp/tcp.json" '.config | .protocol == "tcp" and .request_size == 1 and .response_size == 1'
	run 0 tcplong both --protocol tcp --connections 6 --concurrency 3 --requests 3 --request-size 700001 \
		--response-size 600001
	json "$tmp/tcplong.json" '.totals.completed == 6 and .server.requests == 18 and .server.body_bytes == 10800018'
	run 0 tcpkeep both --protocol tcp --connections 20 --requests 50 --keepalive --request-size 100 --server-workers 2
	json "$tmp/tcpkeep.json" '.totals.completed == 20 and .server.requests == 1000'

	run 0 v6 both --ipv6 --connections 100 --path /bytes/100000 --sha256
	json "$tmp/v6.json" '.totals.completed == 100 and .server.body_bytes == 10000000'

	run 0 rate both --rate 500 --duration 1s
	# How near to 500 depends on how busy this machine is; above it never.
	json "$tmp/rate.json" '.totals.attempted >= 300 and .totals.attempted <= 501'
	json "$tmp/rate.json" '.verdict | test("asked rate")'

	# What fails is counted by its name, and the exit status says so.
	run 1 refused both --connections 10 --target 198.18.0.2:81
	json "$tmp/refused.json" '.totals.failed == 10 and .errors.refused == 10'
	run 1 digest both --connections 10 --path /bytes/1000 \
		--sha256=0000000000000000000000000000000000000000000000000000000000000000
	json "$tmp/digest.json" '.errors.digest == 10'
	run 1 status both --connections 10 --path /bytes/x
	json "$tmp/status.json" '.errors.http_status == 10 and .server.bad_requests == 10'
	run 1 unreachable both --connections 2 --target 198.18.0.77:80
	json "$tmp/unreachable.json" '.errors.unreachable + .errors.timeout == 2'

	# JSON on stdout is alone there.
	"$hrload" both --connections 10 --no-huge --json - 2>"$tmp/text" | jq -e '.totals.completed == 10' >/dev/null ||
		bad "--json -"
	grep -q '^connections   10 attempted' "$tmp/text" || bad "--json -: the text is not on stderr"
	# The config of a report is a scenario.
	jq .config "$tmp/count.json" >"$tmp/again.yaml"
	run 0 again run "$tmp/again.yaml"
	json "$tmp/again.json" '.totals.completed == 1000'
}

test_configs() {
	for file in "$configs"/*.yaml; do
		name=$(basename "$file" .yaml)
		case $(sed -n 's/^role: //p' "$file") in
		both) run 0 "$name" run "$file" --duration 1s ;;
		*) # For a card that is not here: the file must be good up to its port.
			"$hrload" check "$file" --no-huge >"$tmp/out" 2>"$tmp/err" && bad "$name: the card exists?"
			grep -q "^$file:[0-9]*: port: " "$tmp/err" || { bad "$name"; cat "$tmp/err"; }
			# The same over a wire.
			"$hrload" check "$file" --port wire:check --workers 1 --no-huge >"$tmp/out" 2>&1 ||
				{ bad "$name over a wire"; cat "$tmp/out"; } ;;
		esac
	done
	json "$tmp/demo.json" '.totals.completed > 1000'
	json "$tmp/tcp.json" '.totals.completed > 1000 and .server.body_bytes == .server.requests'
	json "$tmp/keepalive.json" '.server.requests > 10 * .server.accepted'
	json "$tmp/impaired.json" '.retransmits > 0'
}

# signal STATUS NAME SIGNALS MILLISECONDS ARGS...: run, wait for the first live line, send, measure the end.
signal() {
	want=$1
	name=$2
	signals=$3
	limit=$4
	shift 4
	rm -f "$tmp/$name.json"
	: >"$tmp/$name.txt"
	"$hrload" "$@" --interval 200ms --no-huge --json "$tmp/$name.json" >"$tmp/$name.txt" 2>&1 &
	pid=$!
	tries=0
	while [ "$(wc -l <"$tmp/$name.txt")" -lt 2 ] && kill -0 $pid 2>/dev/null && [ $tries -lt 300 ]; do
		sleep 0.1
		tries=$((tries + 1))
	done
	begin=$(date +%s%N)
	for s in $signals; do
		kill -"$s" $pid
		[ "$s" = "$signals" ] || sleep 0.05 # equal signals merge until they are read
	done
	wait $pid
	status=$?
	took=$((($(date +%s%N) - begin) / 1000000))
	[ $status -eq "$want" ] || { bad "$name: exit status $status, not $want"; cat "$tmp/$name.txt"; }
	[ $took -le "$limit" ] || bad "$name: $took ms, more than $limit"
	grep -q '^limit ' "$tmp/$name.txt" || bad "$name: no report"
	[ -f "$tmp/$name.json" ] && invariants "$tmp/$name.json"
}

test_signals() {
	signal 0 int INT 3000 both --duration 60s
	json "$tmp/int.json" '.totals.completed > 0 and .totals.active == 0'
	signal 0 term TERM 5000 both --duration 60s
	json "$tmp/term.json" '.totals.completed > 0 and .totals.active == 0 and .rates.seconds < 59'
	signal 0 server TERM 5000 server --port wire:alone --address 198.18.0.2/24
	json "$tmp/server.json" '.totals.attempted == 0 and .busy.client == null'
	# Transfers that cannot end in time: counted as active, not as failed; but nothing was completed either.
	signal 1 slow TERM 5500 both --duration 60s --path /bytes/999999999999 --concurrency 4
	json "$tmp/slow.json" '.totals.active == 4 and .totals.failed == 0'
	# A second SIGINT does not wait for them at all.
	signal 1 twice 'INT INT' 1000 both --duration 60s --path /bytes/999999999999 --concurrency 4
	json "$tmp/twice.json" '.totals.active == 4'
}

# The other end of a memory interface comes later than DPDK waits for it, or not at all.
test_link() {
	memif=socket=$tmp/memif,socket-abstract=no
	timeout -s INT 5 "$hrload" client --port "net_memif0,$memif,role=server" --address 198.18.1.1/16 --target 198.18.0.2:80 \
		--no-huge >"$tmp/alone.txt" 2>&1
	grep -q 'has no link, and the wait was ended by a signal; is the other end there' "$tmp/alone.txt" || {
		bad "alone: no word about the link"
		cat "$tmp/alone.txt"
	}
	(
		sleep 5
		exec "$hrload" server --port "net_memif0,$memif,role=client" --address 198.18.0.2/16 --no-huge
	) >"$tmp/late.txt" 2>&1 &
	pid=$!
	run 0 early client --port "net_memif0,$memif,role=server" --address 198.18.1.1/16 --target 198.18.0.2:80 --connections 100
	json "$tmp/early.json" '.totals.completed == 100 and .totals.failed == 0'
	kill -TERM $pid
	wait $pid || bad "late: the server ended with $?"
}

"test_$what"
[ $failed -eq 0 ] && echo "ok: $what"
exit $failed
