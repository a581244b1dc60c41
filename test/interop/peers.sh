# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034
# Sourced by tests that have the kernel as a peer: a lab of their own, processes in it with a bound in time, nginx, wrk
# and curl, and an end that leaves nothing behind. What is tested is the caller's.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=     # directory for everything written; removed at the end
lab_name= # empty: no lab is up
keep=0    # 1: leave the directory with all logs
capture_frames=300000
pids=()   # of the processes that run now; each leads a process group of its own

die() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 2
}

# Reason on the first line of the output, status 77: how meson and scripts/test are told.
skip() {
	printf 'SKIP: %s\n' "$*"
	exit 77
}

# need_lab COMMAND...: what namespaces and the peers take, or a skip that names it.
need_lab() {
	local command trial=hrtry-$$
	[ "$(id -u)" -eq 0 ] || skip "network namespaces need root"
	for command in ip ethtool python3 timeout "$@"; do
		command -v "$command" >/dev/null || skip "$command is not installed; scripts/setup installs it"
	done
	ip netns add "$trial" 2>/dev/null || skip "no network namespace can be made here"
	if ! ip netns exec "$trial" true 2>/dev/null; then
		ip netns delete "$trial"
		skip "no program can be run in a network namespace here: in a chroot, / must be a mount point"
	fi
	ip netns delete "$trial"
}

# open_lab NAME: a lab that ends with this process. One that a killed run left behind goes first.
open_lab() {
	local name pid
	for name in $(ip netns list | awk '$1 ~ /^hr[a-z]+-[0-9]+-k$/ { sub(/-k$/, "", $1); print $1 }'); do
		pid=${name##*-}
		[ -d "/proc/$pid" ] || "$root/scripts/lab" down --name "$name" >/dev/null
	done
	work=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX")
	trap close_lab EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	lab_name=$1-$$
	"$root/scripts/lab" up --name "$lab_name" >"$work/lab.log" || die "the lab does not come up; the reason is above"
	# A client that opens 50,000 connections a second, and a listener that is in the way of nobody.
	set_kernel net/ipv4/ip_local_port_range "1024 65535"
	set_kernel net/ipv4/tcp_tw_reuse 1
	set_kernel net/core/somaxconn 65535
	set_kernel net/ipv4/tcp_max_syn_backlog 65535
}

close_lab() {
	local status=$? pid
	trap '' INT TERM
	for pid in "${pids[@]}"; do
		stop "$pid" || true
	done
	[ -z "$lab_name" ] || "$root/scripts/lab" down --name "$lab_name" >/dev/null || true
	if [ "$keep" = 1 ]; then
		echo "logs are in $work"
	elif [ -n "$work" ]; then
		rm -rf "$work"
	fi
	exit "$status"
}

# set_sysctl SIDE FILE VALUE; a kernel without the file keeps its default.
set_sysctl() {
	# shellcheck disable=SC2016
	ip netns exec "$lab_name-${1:0:1}" sh -c 'echo "$2" >"/proc/sys/$1"' sh "$2" "$3" 2>/dev/null || true
}

set_kernel() {
	set_sysctl kernel "$@"
}

# start SECONDS SIDE LOG COMMAND...: in the background, for so long at most; sets started. timeout(1) makes a process
# group and hands signals on, so that its pid stands for the command and all its children.
start() {
	local seconds=$1 side=$2 log=$3
	shift 3
	timeout -k 5 "$seconds" ip netns exec "$lab_name-${side:0:1}" "$@" >"$log" 2>&1 &
	started=$!
	pids+=("$started")
}

forget() {
	local pid left=()
	for pid in "${pids[@]}"; do
		[ "$pid" = "$1" ] || left+=("$pid")
	done
	pids=("${left[@]}")
}

# finish PID: wait for it; its status.
finish() {
	local status=0
	wait "$1" || status=$?
	forget "$1"
	return "$status"
}

# stop PID [SIGNAL]: the signal, and SIGKILL to the group after 10 s; the status of the command.
stop() {
	local pid=$1 i
	kill -s "${2:-TERM}" "$pid" 2>/dev/null || true
	for ((i = 0; i < 200; i++)); do
		kill -0 "$pid" 2>/dev/null || break
		sleep 0.05
	done
	[ "$i" -lt 200 ] || kill -s KILL -- "-$pid" 2>/dev/null || true
	finish "$pid"
}

# run SECONDS SIDE LOG COMMAND...: to its end; its status, 124 when the time was over. Not in the foreground, since
# bash runs a trap only between commands, and wait is the one that a signal ends.
run() {
	start "$@"
	finish "$started"
}

# wait_http PID URL: until the server answers, 20 s at most; no longer than the process lives.
wait_http() {
	local i
	for ((i = 0; i < 100; i++)); do
		kill -0 "$1" 2>/dev/null || return 1
		if run 3 kernel "$work/wait.log" curl -s -o /dev/null --max-time 1 "$2"; then
			return 0
		fi
		sleep 0.1
	done
	return 1
}

# nginx_start DIR [LISTEN...]: one worker that serves DIR/www, and nginx_locations when the caller sets it, in the kernel's
# namespace; sets started.
nginx_start() {
	local dir=$1 listen
	shift
	mkdir -p "$dir/www" "$dir/tmp"
	{
		cat <<-CONF
			daemon off;
			user root;
			worker_processes 1;
			pid $dir/nginx.pid;
			error_log stderr warn;
			events {
				worker_connections 8192;
				multi_accept on;
			}
			http {
				access_log off;
				default_type application/octet-stream;
				client_body_temp_path $dir/tmp/body;
				proxy_temp_path $dir/tmp/proxy;
				fastcgi_temp_path $dir/tmp/fastcgi;
				uwsgi_temp_path $dir/tmp/uwsgi;
				scgi_temp_path $dir/tmp/scgi;
				sendfile on;
				tcp_nopush on;
				keepalive_requests 1000000;
				open_file_cache max=100;
				server {
					root $dir/www;
		CONF
		for listen in "$@"; do
			echo "listen $listen backlog=65535;"
		done
		printf '%s\n}\n}\n' "${nginx_locations:-}"
	} >"$dir/nginx.conf"
	start 1200 kernel "$dir/nginx.log" nginx -e stderr -p "$dir" -c "$dir/nginx.conf"
}

# wrk_run SECONDS SIDE LOG ARGUMENT...: wrk, with its figures in numbers instead of prose. Sets wrk_requests, wrk_us,
# wrk_errors ("connect read write status timeout") and wrk_p99_us; fails when wrk does.
wrk_run() {
	local seconds=$1 side=$2 log=$3 connect read write status timeout
	shift 3
	cat >"$work/figures.lua" <<-'LUA'
		done = function(summary, latency, requests)
			local e = summary.errors
			io.write(string.format("FIGURES %d %d %d %d %d %d %d %d\n", summary.requests, summary.duration,
				e.connect, e.read, e.write, e.status, e.timeout, latency:percentile(99)))
		end
	LUA
	run "$seconds" "$side" "$log" wrk -s "$work/figures.lua" "$@" || return 1
	read -r wrk_requests wrk_us connect read write status timeout wrk_p99_us < <(sed -n 's/^FIGURES //p' "$log") ||
		return 1
	wrk_errors="$connect $read $write $status $timeout"
}

can_capture() {
	command -v tcpdump >/dev/null && command -v tshark >/dev/null
}

# capture_start FILE DEVICE: the first capture_frames frames on a device of the kernel's namespace, from now to capture_stop.
capture_start() {
	local i
	capture_file=$1
	kernel_losses >"$work/losses.before"
	start 600 kernel "$1.log" tcpdump -i "$2" -B 65536 -s 0 -c "$capture_frames" -U -w "$1"
	capture=$started
	for ((i = 0; i < 100; i++)); do
		! grep -q 'listening on' "$1.log" 2>/dev/null || return 0
		sleep 0.05
	done
	return 1
}

# capture_stop: sets capture_lost: frames that the capture itself and the kernel on its way to TCP lost meanwhile.
capture_stop() {
	# What is in the ring wants to be written.
	sleep 0.3
	stop "$capture" INT || true
	capture_lost=$(sed -n 's/^\([0-9]*\) packets dropped by kernel.*/\1/p' "$capture_file.log")
	capture_lost=$((${capture_lost:-0} + $(kernel_losses) - $(cat "$work/losses.before")))
}

# Frames and segments that the machine lost for want of room, in both namespaces: devices, the CPUs' queues between the
# ends of a veth, listeners' queues, sockets' buffers.
kernel_losses() {
	local side
	for side in k h; do
		ip netns exec "$lab_name-$side" cat /proc/net/dev /proc/net/netstat
	done | python3 -c '
import re, sys
lost, names = 0, None
for line in sys.stdin:
    word = line.replace(":", ": ").split()
    if word[0] in ("kern0:", "head0:", "hrtap0:"):
        lost += int(word[4]) + int(word[12])
    elif word[0] == "TcpExt:" and names is None:
        names = word
    elif word[0] == "TcpExt:":
        wanted = re.compile("PruneCalled|RcvPruned|OfoPruned|TCPBacklogDrop|TCPRcvQDrop|ListenDrops|TCPReqQFullDrop")
        lost += sum(int(v) for n, v in zip(names, word) if wanted.fullmatch(n))
        names = None
lost += sum(int(line.split()[1], 16) for line in open("/proc/net/softnet_stat"))
print(lost)'
}

# judge_capture ARGUMENT...: judge-capture on the file that capture_stop left, with what was lost; its line is in judged.
judge_capture() {
	local status=0
	run 300 kernel "$work/judged.txt" "$root/test/interop/judge-capture" "$capture_file" --ours 198.18.0.0/24 \
		--ours 2001:db8::/64 --peer 198.18.0.1 --peer 2001:db8::1 --lost "$capture_lost" "$@" || status=$?
	judged=$(tail -n 3 "$work/judged.txt" | tr '\n' ' ')
	if [ "$status" != 0 ] && [ "$keep" = 1 ]; then
		cp "$capture_file" "$capture_file.bad"
	fi
	rm -f "$capture_file"
	return "$status"
}

# json FILE KEY.KEY...: the values, each on its line; an object as compact JSON.
json() {
	python3 - "$@" <<-'PYTHON'
		import json, sys
		top = json.load(open(sys.argv[1]))
		for path in sys.argv[2:]:
		    value = top
		    for key in path.split("."):
		        value = value[key]
		    print(json.dumps(value, separators=(",", ":")) if isinstance(value, (dict, list)) else value)
	PYTHON
}
