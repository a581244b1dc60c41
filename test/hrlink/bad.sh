#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Wrong input: exit status 2, nothing on stdout, and exactly the expected sentence on stderr. usage: bad.sh HRLINK
set -u
hrlink=$(realpath "$1")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
count=0
failed=0

while IFS='|' read -r args want; do
	[ -n "$args" ] || continue
	count=$((count + 1))
	# The arguments are split at blanks, as a shell would; none of them needs quotes.
	# shellcheck disable=SC2086
	timeout 20 "$hrlink" $args >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	printf '%s\n' "$want" >"$tmp/want"
	if [ $status -ne 2 ] || [ -s "$tmp/out" ] || ! cmp -s "$tmp/err" "$tmp/want"; then
		failed=$((failed + 1))
		echo "not ok: hrlink $args (exit status $status)"
		echo "  wanted: $want"
		echo "  got:    $(cat "$tmp/err" "$tmp/out")"
	fi
done <<'CASES'
--b wire:1|--a is missing: a link joins two ports, as in --a net_af_packet0,iface=eth1 --b net_af_packet1,iface=eth2
--a wire:0|--b is missing: a link joins two ports, as in --a net_af_packet0,iface=eth1 --b net_af_packet1,iface=eth2
--a wire:0 --a wire:1|--a is given twice; a link has two ends
wire:0 wire:1|"wire:0" is one word too many; see hrlink --help
--a wire:0 --b|--b: the value is missing; write --b PORT
--a --b wire:1|--a: the value is missing; write --a PORT
--a wire:0 --b wire:1 --los 1%|--los: there is no such flag; see hrlink --help
--a wire:0 --b wire:1 --quiet=yes|--quiet takes no value; remove "=yes"
--a wire:0 --b wire:1 --duration 1parsec|--duration: "1parsec": unit parsec is unknown; use us, ms, s, m, h or none for seconds
--a wire:0 --b wire:1 --duration 0|--duration "0" is out of range; see hrlink --help
--a wire:0 --b wire:1 --interval 1us|--interval "1us" is out of range; see hrlink --help
--a wire:0 --b wire:1 --seed x|--seed: "x" is not a number; it must begin with a digit
--a wire:0 --b wire:1 --mbufs 10|--mbufs "10" is out of range; see hrlink --help
--a wire:0 --b wire:1 --idle nap|--idle "nap": use sleep or poll
--a wire:0 --b wire:1 --json=|--json "" names no file
--a wire:0 --b wire:1 --ab=|--ab: the list is empty; write loss=1%, for example
--a wire:0 --b wire:1 --ab impair(loss=1%)|--ab: "impair(loss=1%)": write the list alone, as in loss=1%,delay=10ms
--a wire:0 --b wire:1 --ab loss=1%,dir=rx|--ab: a direction has its own flag: use --ab or --ba instead of dir=
--a wire:0 --b wire:1 --both seed=4|--both: one seed is for the whole link: use --seed 4 instead of seed=
--a wire:0 --b wire:1 --both loss=150%|--both: impair(loss=150%): "150%": a share is at most 100% or 1
--a wire:0 --b wire:1 --ab loss=150% --no-huge|--ab: impair(loss=150%): "150%": a share is at most 100% or 1
--a wire:0 --b wire:1 --ba delay=2x|--ba: impair(delay=2x): "2x": unit x is unknown; use us, ms, s, m, h or none for seconds
--a wire:0 --b wire:1 --ab queue=64K|--ab: impair(queue=64K): nothing waits where there is no rate: add rate=
--a wire:0 --b wire:1 --ab rate=1M,mark=1M,queue=9|--ab: impair(queue=9): a queue holds 1514 bytes at least; for packets write 10p, for a time 50ms
--a wire:0 --b wire:1 --ab jump=1%|--ab: impair(jump=1%): there is no delay to be let past: add delay=
--a wire:0 --b wire:1 --ab burst=5%|--ab: impair(burst=5%): write SHARE:LENGTH or SHARE:LENGTH:LOSS, as in 1%:8 for bursts of 8 packets
--a wire:0 --b wire:1 --both loss=1% --ab loss=2%|--ab: impair: key "loss" is given twice
--a wire:0 --b net_af_packet0|--b: net_af_packet0 needs the interface it sits on: write net_af_packet0,iface=NAME
--a wire:0 --b wire:1 --both delay=1ms,,loss=1%|--both: impair: nothing between two commas, or a comma too many
CASES

# Port strings are the library's: one sentence, and the place is ours.
for port in wier:0 'impair(los=1%) wire:0' 'wire:' ' '; do
	count=$((count + 1))
	timeout 20 "$hrlink" --a "$port" --b wire:1 >"$tmp/out" 2>"$tmp/err"
	if [ $? -ne 2 ] || [ -s "$tmp/out" ] || [ "$(wc -l <"$tmp/err")" -ne 1 ] || ! grep -q '^--' "$tmp/err"; then
		failed=$((failed + 1))
		echo "not ok: --a \"$port\""
		cat "$tmp/out" "$tmp/err"
	fi
done

echo "$count wrong inputs, $failed answered wrongly"
[ $failed -eq 0 ] && [ $count -ge 30 ]
