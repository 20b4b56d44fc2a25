"""JSON documents from and to a server, plain and compressed: bytes on the wire, and processor time.

The server of python-engineio writes each document by itself. That of this benchmark writes as many at once as it can, and only
sends.
"""

import json
import os
import random
import socket
import subprocess
import threading
from statistics import median

from . import network, peers
from .measure import Failed, Progress, drive

DOCUMENTS = peers.TARGET / "documents"
# Bytes of a document, and the documents of a run: enough that a run takes about half a second.
SIZES = {"100": ("100 B", 10_000), "1024": ("1 KiB", 8_000), "12288": ("12 KiB", 2_000)}
CHOICES = {
    "ours": ["", "+stateless", "+server_context", "+both_contexts"],
    "engine.io-client": ["", "+deflate"],
    "python-engineio": ["", "+deflate"],
}
ROUNDS = 3
# The command of each server, and what it does with documents.
SERVERS = {
    "python-engineio": ([peers.PYTHON / "bin/python", peers.BENCH / "python-engineio/server.py"], ("receive", "send")),
    "bench": ([peers.SERVER], ("receive",)),
}


def measure(names):
    """A row for each server, each client, each choice of compression, each direction and each size."""
    write_documents()
    before_server, before_client, _ = network.cores()
    found = []
    for name, (command, tasks) in SERVERS.items():
        command = list(map(str, [*before_server, *command, DOCUMENTS]))
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                found += [{"server": name} | row
                          for row in rows(names, tasks, server.stdout.readline().strip(), before_client)]
            finally:
                server.kill()
    return found


def rows(names, tasks, address, before_client):
    cases = [(name, choice, task, size) for size in SIZES for task in tasks
             for name, choices in CHOICES.items() if name in names for choice in choices]
    runs = {case: [] for case in cases}
    bytes_of = {}
    # Rounds in random order, so that the state of the machine is the same for all. In the first one a relay counts bytes.
    plan = [(number, case) for number in range(ROUNDS + 1) for case in random.sample(cases, len(cases))]
    progress = Progress("documents", len(plan))
    for number, case in plan:
        progress.step(" ".join(case))
        if isinstance(runs[case], str):
            continue
        try:
            if number == 0:
                with Relay(address) as relay:
                    run(case, relay.address, before_client)
                bytes_of[case] = relay.bytes / SIZES[case[3]][1]
            else:
                runs[case].append(run(case, address, before_client))
        except Failed as err:
            runs[case] = str(err)
    progress.end()
    return [row(case, runs[case], bytes_of) for case in cases]


def run(case, address, before_client):
    name, choice, task, size = case
    task = f"{task}-documents" if name == "ours" else task
    environment = os.environ | {"DOCUMENTS": str(DOCUMENTS / f"{size}.jsonl")}
    command = [*before_client, *peers.PEERS[name][1], task, address, f"websocket{choice}", size, SIZES[size][1]]
    return drive(command, 120, environment)


def row(case, runs, bytes_of):
    name, choice, task, size = case
    found = {"client": name, "compression": choice.lstrip("+"), "task": task, "size": SIZES[size][0]}
    if isinstance(runs, str):
        return found | {"fails": runs}
    return found | {"bytes": bytes_of[case], "cpu": median(each["cpu"] / each["messages"] for each in runs), "runs": len(runs)}


def write_documents():
    """Trades of a market, one, ten or a hundred and twenty in a document."""
    DOCUMENTS.mkdir(parents=True, exist_ok=True)
    chance = random.Random(1)
    for size in SIZES:
        lines = [document(chance, int(size)) for _ in range(1000)]
        (DOCUMENTS / f"{size}.jsonl").write_text("\n".join(lines) + "\n")


def document(chance, size):
    trades = [trade(chance)]
    while len(line := json.dumps(trades if len(trades) > 1 else trades[0], separators=(",", ":"))) < size - 50:
        trades.append(trade(chance))
    return line


def trade(chance):
    return {"symbol": chance.choice(["BTC-EUR", "ETH-EUR", "XRP-EUR"]), "price": f"{chance.uniform(60_000, 61_000):.2f}",
            "volume": f"{chance.uniform(0, 2):.6f}", "time": 1_764_374_400_000 + chance.randrange(10**7),
            "side": chance.choice(["buy", "sell"])}


class Relay:
    """Passes one connection on, and counts the bytes of both directions."""

    def __init__(self, address):
        self.server = address.split(":")
        self.bytes = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "%s:%d" % self.listener.getsockname()

    def __enter__(self):
        self.thread = threading.Thread(target=self.relay)
        self.thread.start()
        return self

    def __exit__(self, *_):
        # A client that never connected leaves it waiting.
        socket.create_connection(self.listener.getsockname()).close()
        self.thread.join()
        self.listener.close()

    def relay(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(self.server)
        pumps = [threading.Thread(target=self.pump, args=ends) for ends in ((client, server), (server, client))]
        for pump in pumps:
            pump.start()
        for pump in pumps:
            pump.join()

    def pump(self, source, target):
        try:
            while data := source.recv(1 << 16):
                # Two threads add, but one of them next to nothing.
                self.bytes += len(data)
                target.sendall(data)
        except OSError:
            pass
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
