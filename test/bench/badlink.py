# SPDX-License-Identifier: BSD-3-Clause
"""A bad link between two hosts, for goodput and fairness: namespaces, hrlink, the programs at both ends, and an end that leaves
nothing behind. What is measured, and what it should be, is the caller's.

    N-a: a0 -- veth -- N-l: la  hrlink  lb -- veth -- b0 :N-b

A host is the kernel of its namespace or headrace over AF_PACKET on the same interface; then the kernel has no address there.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
ADDRESS = {"a": "198.18.0.1", "b": "198.18.0.2"}


def skip(reason):
    print("SKIP: " + reason)
    sys.exit(77)


def die(reason):
    print(f"{os.path.basename(sys.argv[0])}: {reason}", file=sys.stderr)
    sys.exit(2)


def sh(*command, check=True):
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    if check and done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def need_lab(programs, bridge=False):
    """What namespaces, CUBIC and a bridge take, or a skip that names it."""
    if os.geteuid() != 0:
        skip("network namespaces need root")
    for command in ("ip", "ethtool"):
        if shutil.which(command) is None:
            skip(f"{command} is not installed; scripts/setup installs it")
    trial = f"hrtry-{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", trial], capture_output=True, check=False).returncode != 0:
        skip("no network namespace can be made here")
    usable = subprocess.run(["ip", "netns", "exec", trial, "true"], capture_output=True, check=False).returncode == 0
    bridged = not bridge or subprocess.run(["ip", "-n", trial, "link", "add", "name", "trial", "type", "bridge"], capture_output=True,
                                           check=False).returncode == 0
    sh("ip", "netns", "delete", trial)
    if not bridged:
        skip("the kernel has no bridge")
    if not usable:
        skip("no program can be run in a network namespace here: in a chroot, / must be a mount point")
    if "cubic" not in open("/proc/sys/net/ipv4/tcp_available_congestion_control").read().split():
        subprocess.run(["modprobe", "tcp_cubic"], capture_output=True, check=False)
    if "cubic" not in open("/proc/sys/net/ipv4/tcp_available_congestion_control").read().split():
        skip("the kernel has no CUBIC: tcp_cubic is missing")
    for program in programs:
        if not os.access(program, os.X_OK):
            die(f"{program} is not built; run: meson setup build && ninja -C build")


class Lab:
    """Use as a context. bridge=True puts a second host, N-c with c0, on a's side of the link: la is then a bridge port."""

    def __init__(self, programs, bridge=False, realtime=True, keep=False):
        self.programs, self.bridge, self.realtime, self.keep = programs, bridge, realtime, keep
        self.name = f"hrbad-{os.getpid()}"
        self.running = []
        self.work = tempfile.mkdtemp(prefix="hrbad.")
        self.hosts = ["a", "b"] + (["c"] if bridge else [])

    def __enter__(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        # What a killed run left behind.
        for line in sh("ip", "netns", "list").splitlines():
            found = re.match(r"(hrbad-(\d+)-[a-z])\b", line)
            if found and not os.path.exists(f"/proc/{found[2]}"):
                sh("ip", "netns", "delete", found[1], check=False)
        try:
            self._up()
        except BaseException:
            self._down()
            raise
        return self

    def __exit__(self, *_):
        for process in list(self.running):
            self.stop(process)
        self._down()
        if self.keep:
            print(f"logs are in {self.work}")
        else:
            shutil.rmtree(self.work, ignore_errors=True)

    def ns(self, where):
        return f"{self.name}-{where}"

    def ip(self, where, *words, check=True):
        return sh("ip", "-n", self.ns(where), *words, check=check)

    def sysctl(self, where, name, value):
        path = "/proc/sys/net/" + name
        sh("ip", "netns", "exec", self.ns(where), "sh", "-c", '[ ! -e "$1" ] || echo "$2" >"$1"', "sh", path, value)

    def veth(self, host, device, peer):
        sh("ip", "link", "add", device, "netns", self.ns(host), "mtu", "1500", "type", "veth", "peer", "name", peer,
           "netns", self.ns("l"), "mtu", "1500")
        # An end of a cable makes whole checksums and frames that fit: see scripts/lab.
        for where, name in ((host, device), ("l", peer)):
            for feature in ("tx", "sg", "tso", "gso", "gro", "lro"):
                sh("ip", "netns", "exec", self.ns(where), "ethtool", "-K", name, feature, "off", check=False)
            self.ip(where, "link", "set", name, "up")

    def _up(self):
        for where in self.hosts + ["l"]:
            sh("ip", "netns", "add", self.ns(where))
            # Nothing but the flow: no router solicitations, no duplicate address detection.
            self.sysctl(where, "ipv6/conf/all/disable_ipv6", "1")
            self.sysctl(where, "ipv6/conf/default/disable_ipv6", "1")
            # The kernel's ends tune their buffers up to what 200 Mbps over 200 ms need, twice over, and begin each flow
            # without what they remember of the last one.
            self.sysctl(where, "ipv4/tcp_rmem", "4096 131072 16777216")
            self.sysctl(where, "ipv4/tcp_wmem", "4096 65536 16777216")
            self.sysctl(where, "ipv4/tcp_no_metrics_save", "1")
            self.ip(where, "link", "set", "lo", "up")
        self.veth("a", "a0", "la")
        self.veth("b", "b0", "lb")
        if self.bridge:
            # a and c share a segment, on which hrlink has a port of its own: a pair whose ends are both here.
            self.veth("c", "c0", "lc")
            self.ip("l", "link", "add", "name", "segment", "type", "bridge")
            self.ip("l", "link", "add", "name", "hub", "type", "veth", "peer", "name", "lh")
            for name in ("hub", "lh"):
                for feature in ("tx", "sg", "tso", "gso", "gro", "lro"):
                    sh("ip", "netns", "exec", self.ns("l"), "ethtool", "-K", name, feature, "off", check=False)
                self.ip("l", "link", "set", name, "up")
            for name in ("la", "lc", "hub"):
                self.ip("l", "link", "set", name, "master", "segment")
            self.ip("l", "link", "set", "segment", "up")

    def _down(self):
        for where in ("a", "b", "c", "l"):
            sh("ip", "netns", "delete", self.ns(where), check=False)

    def start(self, where, log, *command, prefix=()):
        """In the background, in a process group of its own; its output in two files."""
        out = open(os.path.join(self.work, log + ".out"), "w+", encoding="utf-8")
        err = open(os.path.join(self.work, log + ".err"), "w+", encoding="utf-8")
        process = subprocess.Popen([*prefix, "ip", "netns", "exec", self.ns(where), *command], stdout=out, stderr=err,
                                   start_new_session=True)
        process.out, process.err, process.log = out, err, log
        self.running.append(process)
        return process

    def said(self, process):
        process.out.seek(0)
        process.err.seek(0)
        return process.out.read(), process.err.read()

    def wait_for(self, process, word, seconds=20):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if word in "".join(self.said(process)):
                return
            if process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"{process.log} does not come up: {' '.join(self.said(process)[1].split())[-300:]}")

    def finish(self, process, seconds):
        """Its status and its output; killed when it takes longer."""
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            pass
        return self.stop(process), *self.said(process)

    def stop(self, process, sign=signal.SIGTERM):
        if process in self.running:
            self.running.remove(process)
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return process.returncode

    def link_up(self, both, seed):
        """hrlink between la and lb; ahead of others when it may be, since it must keep time for both."""
        prefix = ("chrt", "-f", "1") if self.realtime and shutil.which("chrt") else ()
        report = os.path.join(self.work, "link.json")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(report)
        process = self.start(
            "l", "hrlink", self.programs["hrlink"], "--a", f"net_af_packet0,iface={'lh' if self.bridge else 'la'}",
            "--b", "net_af_packet1,iface=lb", "--both", both, "--seed", str(seed), "--quiet", "--json", report,
            prefix=prefix)
        self.wait_for(process, "packets can be held")
        return process

    def link_down(self, process):
        """What the link did, as its report says."""
        status = self.stop(process, signal.SIGINT)
        if status != 0:
            raise RuntimeError(f"hrlink ends with {status}: {self.said(process)[1][-300:]}")
        with open(os.path.join(self.work, "link.json"), encoding="utf-8") as f:
            return json.load(f)

    def host(self, where, device, address, kernel):
        """Make the host of a namespace the kernel, or leave the interface to headrace."""
        self.ip(where, "address", "flush", "dev", device)
        if kernel:
            self.ip(where, "address", "add", f"{address}/24", "dev", device)
        self.ip(where, "neigh", "flush", "all", check=False)

    def receiver(self, kernel, where, device, address, port, skip_s, run_s):
        name = f"recv-{where}-{port}"
        if kernel:
            process = self.start(where, name, self.programs["kflow"], "recv", address, str(port), str(skip_s), str(run_s))
        else:
            process = self.start(where, name, self.programs["hrflow"], "recv", f"net_af_packet0,iface={device}",
                                 f"{address}/24", str(port), str(skip_s), str(run_s))
        self.wait_for(process, "ready")
        return process

    def sender(self, kernel, where, device, address, remote, port, run_s):
        name = f"send-{where}-{port}"
        if kernel:
            return self.start(where, name, self.programs["kflow"], "send", remote, str(port), str(run_s))
        return self.start(where, name, self.programs["hrflow"], "send", f"net_af_packet0,iface={device}",
                          f"{address}/24", remote, str(port), str(run_s))


def json_lines(text):
    """Every line that is an object, merged."""
    merged = {}
    for line in text.splitlines():
        if line.startswith("{"):
            merged.update(json.loads(line))
    return merged
