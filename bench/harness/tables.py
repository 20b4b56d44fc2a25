"""The figures as tables in Markdown, which can be read on a terminal too."""

from .measure import IDLE, SIZES

CLIENTS = {"ours": "actix-engineio", "stream": "actix-engineio, EventStream", "raw": "raw", "rust_engineio": "rust_engineio",
           "engine.io-client": "engine.io-client", "python-engineio": "python-engineio"}


def table(head, rows):
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    line = lambda cells: "| " + " | ".join(
        cell.ljust(width) if column == 0 else cell.rjust(width)
        for column, (cell, width) in enumerate(zip(cells, widths))) + " |"
    rule = "|" + "|".join("-" * (width + 2) if column == 0 else "-" * (width + 1) + ":"
                          for column, width in enumerate(widths)) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def rate(value):
    for unit, name in ((1e6, " M"), (1e3, " k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.0f}"


def time(seconds):
    return f"{seconds * 1e9:,.0f} ns" if seconds < 1e-5 else f"{seconds * 1e6:,.0f} µs"


def index(results):
    """The cases by client, task, transport and size; `EventStream` counts as another client."""
    found = {}
    for row in results["cases"]:
        client, task = row["client"], row["task"]
        if task == "receive-stream":
            client, task = "stream", "receive"
        found[client, task, row["transport"], row["size"]] = row
    return found


def cell(row, *figures):
    if row is None:
        return ""
    if "fails" in row:
        return "fails"
    return " / ".join(show(row[figure]) for figure, show in figures)


def messages(results, transport):
    found = index(results)
    clients = [client for client in CLIENTS if any(key[0] == client and key[2] == transport for key in found)]
    rows = []
    for task, title in (("receive", "receive"), ("send", "send"), ("send-awaited", "send, each awaited,")):
        for size in SIZES.values():
            if not any(key[1:] == (task, transport, size) for key in found):
                continue
            rows.append([f"{title} {size}", *(cell(found.get((client, task, transport, size)), ("rate", rate), ("cpu", time))
                                              for client in clients)])
    for size in SIZES.values():
        rows.append([f"round trip {size}", *(cell(found.get((client, "echo", transport, size)), ("p50", time), ("p99", time))
                                              for client in clients)])
    return table([transport, *(CLIENTS[client] for client in clients)], rows)


WAYS = {"receive": "receive by an actor", "receive-batches": "receive by an actor, in batches", "receive-stream": "receive by a stream",
        "send": "send by do_send", "send-all": "send by SendAll, 64 each", "send-awaited": "send, each awaited in main",
        "send-awaited-task": "send, each awaited in a task", "echo": "round trip of an actor", "echo-task": "round trip of a task"}


def ways(results):
    """The processor time of this crate's client for one message, by the way in which it is used."""
    found = {(row["task"], row["size"]): row for row in results["cases"]
             if row["client"] == "ours" and row["transport"] == "websocket"}
    rows = [[title, *(cell(found.get((task, size)), ("cpu", time)) for size in SIZES.values())]
            for task, title in WAYS.items() if any(key[0] == task for key in found)]
    return table(["actix-engineio, websocket", *SIZES.values()], rows)


def connections(results):
    found = index(results)
    rows = []
    for client, title in CLIENTS.items():
        cycles = [cell(found.get((client, "cycle", transport, "16 B")), ("rate", rate), ("p50", time))
                  for transport in ("websocket", "polling", "upgrade")]
        idle = [memory(results["idle"].get(transport, {}).get(client)) for transport in ("websocket", "polling")]
        if any(cycles + idle):
            rows.append([title, *cycles, *idle])
    return table(["per second / p50", "websocket", "polling", "polling + upgrade", "idle, websocket", "idle, polling"], rows)


def memory(size):
    if size is None:
        return ""
    return "fails" if isinstance(size, str) else f"{size / 1024:.1f} KiB"


def wire(results):
    rows = []
    for transport, clients in results["wire"].items():
        for client, counts in clients.items():
            if isinstance(counts, str):
                rows.append([f"{CLIENTS[client]}, {transport}", "fails", *[""] * 4])
            else:
                requests = [counts.get(name, 0) for name in ("polling_handshakes", "gets", "posts", "websocket_handshakes")]
                frames = f"{counts.get('frames_received', 0):g} / {counts.get('frames_sent', 0):g}"
                rows.append([f"{CLIENTS[client]}, {transport}", *(f"{count:g}" for count in requests), frames])
    return table(["one connect and close", "handshakes", "GETs", "POSTs", "WebSockets", "frames up / down"], rows)


DOCUMENT_SERVERS = {"python-engineio": "python-engineio's server", "bench": "a server that writes many at once"}


def compression(results):
    """Bytes on the wire and processor time for each document: a table for each server and direction."""
    rows = results.get("compression", [])
    found = {}
    for row in rows:
        title = ", ".join(filter(None, [CLIENTS[row["client"]], row["compression"] or "plain"]))
        cells = found.setdefault((row["task"], row["server"]), {}).setdefault(title, {})
        cells[row["size"]] = cell(row, ("bytes", lambda count: f"{count:,.0f} B"), ("cpu", time))
    sizes = list(dict.fromkeys(row["size"] for row in rows))
    words = {"receive": "from", "send": "to"}
    return "\n\n".join(
        table([f"{words[task]} {DOCUMENT_SERVERS[server]}", *sizes],
              [[title, *(cells.get(size, "") for size in sizes)] for title, cells in titles.items()])
        for (task, server), titles in found.items())


def spread(results):
    rows = [[f"{row['connections']:,}", f"{row['subscribers']:,}", time(row["cpu"]["ours"]),
             time(row["cpu"]["raw"]) if "raw" in row["cpu"] else ""]
            for row in results["spread"]]
    return table(["connections", "subscribers each", "actix-engineio", "raw"], rows)


def pairs(results):
    rows = [[f"{row['transport']} {'connect + close' if row['task'] == 'cycle' else row['task'] + ' ' + row['size']}",
             {"cpu": "processor time", "rate": "messages per second"}.get(row["figure"], row["figure"]),
             f"{row['median']:.2f}", f"{row['low']:.2f} to {row['high']:.2f}", str(row["pairs"])]
            for row in results["ratios"]]
    return table(["actix-engineio / raw", "figure", "median", "interval", "pairs"], rows)


def targets(results):
    rows = [[row["name"], row["shown"], row["limit"], "yes" if row["met"] else "NO"] for row in results["targets"]]
    return table(["asked", "found", "limit", "met"], rows)


def failures(results):
    failed = [f"{row['client']}, {row['task']} over {row['transport']}, {row['size']}: {row['fails']}"
              for row in results["cases"] if "fails" in row]
    return "\n".join(failed)


def everything(results):
    """The output of a run."""
    parts = [
        ("Messages per second / processor time per message; round trip p50 / p99", messages(results, "websocket")),
        ("", messages(results, "polling")),
        ("Processor time per message, by the way in which the client is used", ways(results)),
        (f"Connect and close; memory of each of {IDLE:,} idle connections", connections(results)),
        ("On the wire", wire(results)),
        ("JSON, plain and compressed: bytes on the wire / processor time of the client", compression(results)),
        ("Scale", spread(results) if results["spread"] else ""),
        ("Pairs", pairs(results) if results["ratios"] else ""),
        ("Asked", targets(results) if results["targets"] else ""),
        ("Failed", failures(results)),
    ]
    return "\n\n".join(f"{title}\n\n{text}" if title else text for title, text in parts if text)


def compression_section(results):
    if "compression" not in results:
        return ""
    return f"""
JSON documents over WebSocket, plain and compressed: bytes on the wire / processor time of the client, for each. The server of
python-engineio (on aiohttp) writes each document by itself, so most of the time for a small one is that of waking up.
engine.io-client compresses what it sends from 1 KiB on, and so does this client without a context of its own:

{compression(results)}
"""


def readme(results):
    """The text between the markers in README.md."""
    versions = [f"{version}" for version in results["versions"].values()]
    return f"""## Benchmarks

![Messages per second and round trips, side by side](bench/chart.svg)

Taken on {results["date"]} by `{results["command"]}`: {results["machine"]}; {results["network"]}; {results["cores"]}.
{results["rounds"]}
Machines differ from run to run, so trust the ratios rather than the rates.
{"; ".join(versions)}.
"raw" is a program on tokio-tungstenite that does Engine.IO by hand: no library, no actors, no reconnection.
"fails": the client cannot run this case.
Polling: the server takes any number of packets in a POST and says so (it answers `ok`), so this client fills its POSTs;
to a server that does not, it sends 16 at a time. python-engineio was allowed more than 16 in a poll.

Messages per second / processor time of the client per message; round trip p50 / p99:

{messages(results, "websocket")}

{messages(results, "polling")}

Processor time per message, by the way in which the client is used:

{ways(results)}

Connect and close, one after the other; memory of each of {IDLE:,} idle connections:

{connections(results)}

What one connect and close is on the wire:

{wire(results)}
{compression_section(results)}
Many messages of 16 B at full speed, over one or many connections: processor time for each delivery of a message to a subscriber:

{spread(results)}
"""
