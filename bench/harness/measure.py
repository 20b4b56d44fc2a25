"""Runs the clients against the server, in random order."""

import json
import random
import resource
import subprocess
import sys
import time
import urllib.request
from statistics import median

from . import network, peers

SIZES = {"16": "16 B", "1024": "1 KiB", "65536b": "64 KiB"}
# Other ways to use this crate's client, which only it has.
WAYS = ("receive-stream", "receive-batches", "send-all", "send-awaited-task", "echo-task")
IDLE = 1000
WIRE = 20


class Failed(Exception):
    pass


def drive(command, limit, environment=None):
    """Runs a client, and returns what it prints."""
    try:
        run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=limit, env=environment)
    except subprocess.TimeoutExpired:
        raise Failed(f"no end within {limit} s") from None
    lines = run.stdout.splitlines()
    if run.returncode or not lines:
        complaints = run.stderr.strip().splitlines() or [f"exit {run.returncode}"]
        raise Failed(complaints[-1])
    return json.loads(lines[-1])


class Bench:
    def __init__(self, seconds):
        self.seconds = seconds
        before_server, self.before_client, self.cores = network.cores()
        self.server = subprocess.Popen([*before_server, peers.SERVER], stdout=subprocess.PIPE, text=True)
        self.address = self.server.stdout.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()

    def drive(self, name, task, transport, size, count, *more, limit=120):
        """Runs one client once, and returns what it prints."""
        return drive([*self.before_client, *peers.PEERS[name][1], task, self.address, transport, size, count, *more], limit)

    def counts(self):
        with urllib.request.urlopen(f"http://{self.address}/counts") as answer:
            return json.load(answer)

    def calibrate(self, name, task, transport, size):
        """The count of messages that makes a run as long as it should be."""
        count = 100
        while True:
            run = self.drive(name, task, transport, size, count, limit=30)
            rate = run["messages"] / max(run["seconds"], 1e-5)
            wanted = max(int(rate * self.seconds), 20)
            if wanted <= count * 4:
                return wanted
            count = min(wanted, count * 30)

    def idle(self, name, transport):
        return self.drive(name, "idle", transport, "16", IDLE, limit=300)["bytes"]

    def wire(self, name, transport):
        """Counts what is sent and received for one connection that is opened and closed."""
        before = self.counts()
        self.drive(name, "cycle", transport, "16", WIRE)
        after = self.counts()
        return {count: (after[count] - before[count]) / WIRE for count in after if after[count] != before[count]}

    def spread(self, names, connections, subscribers, messages):
        """The processor seconds of each client for one message to one subscriber."""
        runs = {name: [] for name in names}
        for _ in range(3):
            for name, found in runs.items():
                found.append(self.drive(name, "spread", "websocket", "16", messages, connections, subscribers))
        return {name: median(run["cpu"] / run["messages"] for run in found) for name, found in runs.items()}


def cases(names):
    """All that is measured in rounds: the client, the task, the transport, the size."""
    for name in names:
        transports = peers.PEERS[name][0]
        for transport in transports:
            if transport != "upgrade":
                for size in SIZES:
                    for task in ("receive", "send", "echo"):
                        yield name, task, transport, size
                    # The natural loop, which awaits each message. The raw client has no queue to await.
                    if name != "raw":
                        yield name, "send-awaited", transport, size
            yield name, "cycle", transport, "16"
    if "ours" in names:
        for size in SIZES:
            for task in WAYS:
                yield "ours", task, "websocket", size


def rounds(bench, names, pairs, peer_rounds):
    """The runs of each case, or why there are none."""
    runs = {}
    counts = {}
    everything = list(cases(names))
    progress = Progress("trying out", len(everything))
    for case in everything:
        progress.step(" ".join(case))
        try:
            counts[case] = bench.calibrate(*case)
            runs[case] = []
        except Failed as err:
            runs[case] = str(err)
    progress.end()

    plan = []
    for case in counts:
        name, task, transport, _ = case
        paired = name in ("ours", "raw") and transport == "websocket" and task in ("receive", "send", "echo", "cycle")
        plan += [(number, case) for number in range(pairs if paired else peer_rounds)]
    # Rounds run one after the other, and the clients that are compared run next to each other: the state of the machine is
    # the same for both.
    random.shuffle(plan)
    order = {}
    plan.sort(key=lambda run: (run[0], order.setdefault((run[0], run[1][1:]), random.random())))
    progress = Progress("measuring", len(plan))
    for _, case in plan:
        progress.step(" ".join(case))
        if isinstance(runs[case], list):
            try:
                runs[case].append(bench.drive(*case, counts[case]))
            except Failed as err:
                runs[case] = str(err)
    progress.end()
    return runs


def most_connections():
    """The limit of open files, here and in the server, at most 10,000."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return 10_000 if hard == resource.RLIM_INFINITY or hard >= 10_100 else hard - 100


class Progress:
    """Prints a line that is overwritten, if this is a terminal; otherwise a line from time to time."""

    def __init__(self, title, total):
        self.title, self.total, self.done = title, total, 0
        self.started = self.said = time.monotonic()
        self.terminal = sys.stderr.isatty()

    def step(self, what):
        now = time.monotonic()
        left = (now - self.started) / self.done * (self.total - self.done) if self.done else None
        left = f", {left // 60:.0f}:{left % 60:02.0f} left" if left is not None else ""
        line = f"{self.title} {self.done + 1}/{self.total}{left}: {what}"
        if self.terminal:
            print(f"\r\x1b[K{line[:110]}", end="", file=sys.stderr, flush=True)
        elif self.done == 0 or now - self.said > 15:
            print(line, file=sys.stderr, flush=True)
            self.said = now
        self.done += 1

    def end(self):
        if self.terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
        print(f"{self.title}: {self.total} runs in {time.monotonic() - self.started:.0f} s", file=sys.stderr)
