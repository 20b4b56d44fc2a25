"""python-engineio's AsyncClient; the arguments are those of every driver."""

import asyncio
import json
import os
import resource
import sys
import time

import engineio
from engineio import payload

# Its own limit on what a server may put into one answer: 16 packets.
payload.Payload.max_decode_packets = 1_000_000

task, address, transport, size, count = sys.argv[1:6]
transport, _, compression = transport.partition("+")
binary = size.endswith("b")
size, count = int(size.rstrip("b")), int(count)
burst = max(1, min(300, (1 << 20) // max(1, size), count // 10))
warm_up = count // 10
# The documents of a file, or the same message again and again.
messages = [b"x" * size if binary else "x" * size]
if path := os.environ.get("DOCUMENTS"):
    with open(path) as documents:
        messages = documents.read().splitlines()


def cpu():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


def new_client():
    # The window of the deflate algorithm in bits; without this the client does not offer compression.
    return engineio.AsyncClient(websocket_extra_options={"compress": 15} if compression else {})


class Meter:
    def __init__(self):
        self.started, self.cpu = time.perf_counter(), cpu()

    def report(self, messages, took=None):
        line = {"messages": messages, "seconds": time.perf_counter() - self.started, "cpu": cpu() - self.cpu,
                "rss": resident()}
        if took:
            took.sort()
            line |= {"p50": took[int((len(took) - 1) * 0.5)], "p99": took[int((len(took) - 1) * 0.99)]}
        print(json.dumps(line), flush=True)


async def connect(client, mode):
    kind = "binary" if binary else "text"
    transports = ["polling", "websocket"] if transport == "upgrade" else [transport]
    url = f"http://{address}?mode={mode}&kind={kind}&size={size}&count={count}"
    await client.connect(url, transports=transports)


class Flood:
    """Counts messages, measures from a certain one on, and says when all have come."""

    def __init__(self, client, warm_up, count):
        self.seen, self.warm_up, self.count = 0, warm_up, count
        self.meter, self.done = Meter(), asyncio.Event()
        client.on("message", self.handle)

    def handle(self, _):
        self.seen += 1
        if self.seen == self.warm_up:
            self.meter = Meter()
        elif self.seen == self.count:
            self.done.set()


async def receive():
    client = new_client()
    flood = Flood(client, warm_up, count)
    await connect(client, "flood")
    await flood.done.wait()
    flood.meter.report(count - warm_up)


async def send():
    client = new_client()
    # The server sends one message when it has all.
    end = Flood(client, 0, 1)
    await connect(client, "sink")
    meter, sent, warm = Meter(), 0, 0
    while sent < count:
        most = min(burst, count - sent)
        for index in range(sent, sent + most):
            await client.send(messages[index % len(messages)])
        await client.queue.join()
        sent += most
        if not warm and sent >= warm_up:
            warm, meter = sent, Meter()
    await end.done.wait()
    meter.report(count - warm)


async def send_awaited():
    client = new_client()
    end = Flood(client, 0, 1)
    await connect(client, "sink")
    meter = Meter()
    for sent in range(1, count + 1):
        await client.send(messages[0])
        if sent == warm_up:
            meter = Meter()
    await end.done.wait()
    meter.report(count - warm_up)


async def echo():
    client = new_client()
    back = asyncio.Event()
    client.on("message", lambda _: back.set())
    await connect(client, "echo")
    meter, took = Meter(), []
    for trip in range(count):
        if trip == warm_up:
            meter, took = Meter(), []
        started = time.perf_counter()
        await client.send(messages[0])
        await back.wait()
        back.clear()
        took.append(time.perf_counter() - started)
    meter.report(len(took), took)


async def cycle():
    meter, took = Meter(), []
    for cycle in range(count):
        if cycle == warm_up:
            meter, took = Meter(), []
        started = time.perf_counter()
        client = new_client()
        await connect(client, "idle")
        if transport == "upgrade" and client.transport() != "websocket":
            sys.exit("not upgraded")
        await client.disconnect()
        took.append(time.perf_counter() - started)
    meter.report(len(took), took)


async def idle():
    before = resident()
    clients = []
    for _ in range(count):
        client = new_client()
        await connect(client, "idle")
        clients.append(client)
    await asyncio.sleep(0.5)
    print(json.dumps({"connections": count, "bytes": (resident() - before) // count}), flush=True)


async def main():
    await {"receive": receive, "send": send, "send-awaited": send_awaited, "echo": echo, "cycle": cycle, "idle": idle}[task]()
    # Whatever it still has to close is not measured.
    os._exit(0)


asyncio.run(main())
