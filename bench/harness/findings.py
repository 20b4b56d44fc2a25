"""Computes figures from runs, and compares them with their targets."""

from statistics import median

from .measure import SIZES
from .medians import ratio

FIGURES = ("rate", "cpu", "p50", "p99")


def figures(runs):
    """The figures of each case: messages per second, processor seconds per message, round trip; or why there are none."""
    found = []
    for (client, task, transport, size), case in runs.items():
        row = {"client": client, "task": task, "transport": transport, "size": SIZES[size]}
        if isinstance(case, str):
            found.append(row | {"fails": case})
        else:
            found.append(row | {figure: median(each(case, figure)) for figure in FIGURES if each(case, figure)}
                         | {"runs": len(case)})
    return found


def each(case, figure):
    if figure == "rate":
        return [run["messages"] / run["seconds"] for run in case]
    if figure == "cpu":
        return [run["cpu"] / run["messages"] for run in case]
    return [run[figure] for run in case if figure in run]


def ratios(runs):
    """The ratios of ours to raw, run by run."""
    found = []
    for (client, task, transport, size), ours in runs.items():
        raw = runs.get(("raw", task, transport, size))
        if client != "ours" or not isinstance(ours, list) or not isinstance(raw, list):
            continue
        wanted = ("p50", "p99") if task in ("echo", "cycle") else ("cpu", "rate")
        for figure in wanted:
            found.append({"task": task, "transport": transport, "size": SIZES[size], "figure": figure}
                         | ratio(each(ours, figure), each(raw, figure)))
    return found


def targets(results):
    """The targets, the results, and whether they are reached. The interval of a ratio only has to touch its limit."""
    found = []

    def add(name, value, limit, met, shown):
        found.append({"name": name, "value": value, "limit": limit, "met": met, "shown": shown})

    for row in results["ratios"]:
        limit = None
        if row["figure"] == "cpu":
            limit = 1.5 if row["size"] == "16 B" else 1.1
        elif row["figure"] in ("p50", "p99") and row["task"] == "echo":
            limit = 1.1
        elif row["figure"] == "p50" and row["task"] == "cycle":
            limit = 1.2
        if limit:
            what = {"cpu": "processor time", "p50": "p50", "p99": "p99"}[row["figure"]]
            task = "connect + close" if row["task"] == "cycle" else f"{row['task']} {row['size']}"
            add(f"websocket {task}: {what}, times raw", row["median"], f"<= {limit}", row["low"] <= limit,
                f"{row['median']:.2f} ({row['low']:.2f} to {row['high']:.2f})")

    table = {(row["client"], row["task"], row["transport"], row["size"]): row for row in results["cases"]}
    for transport, sizes, least in (("websocket", ("16 B", "1 KiB"), 3), ("polling", SIZES.values(), 2)):
        for task in ("receive", "send"):
            for size in sizes:
                ours = table.get(("ours", task, transport, size), {}).get("rate")
                peers = [row["rate"] for (client, *case), row in table.items()
                         if client not in ("ours", "raw") and case == [task, transport, size] and "rate" in row]
                if ours and peers:
                    times = ours / max(peers)
                    add(f"{transport} {task} {size}: messages per second, times the fastest peer", times,
                        f">= {least}", times >= least, f"{times:.1f}")

    for size in ("16 B", "1 KiB"):
        ours = table.get(("ours", "send-awaited", "websocket", size), {}).get("cpu")
        other = table.get(("rust_engineio", "send-awaited", "websocket", size), {}).get("cpu")
        if ours and other:
            add(f"websocket send, each awaited, {size}: processor time, times rust_engineio's", ours / other, "<= 0.7",
                ours / other <= 0.7, f"{ours / other:.2f}")

    for server, name in (("python-engineio", "from python-engineio's server"), ("bench", "from a fast server")):
        feed = {(row["client"], row["compression"]): row for row in results.get("compression", [])
                if (row["server"], row["task"], row["size"]) == (server, "receive", "100 B") and "cpu" in row}
        plain, ours = feed.get(("ours", "")), feed.get(("ours", "server_context"))
        if plain and ours:
            part = ours["bytes"] / plain["bytes"]
            add(f"compressed feed {name}, 100 B: bytes, times plain", part, "<= 0.45", part <= 0.45, f"{part:.2f}")
        for client, limit in (("python-engineio", 0.1), ("engine.io-client", 0.5)):
            if ours and (other := feed.get((client, "deflate"))):
                part = ours["cpu"] / other["cpu"]
                add(f"compressed feed {name}, 100 B: processor time, times {client}'s", part, f"<= {limit}", part <= limit,
                    f"{part:.2f}")

    for transport, most in (("websocket", 8), ("polling", 10.5)):
        size = results["idle"].get(transport, {}).get("ours")
        if isinstance(size, (int, float)):
            add(f"{transport}: memory of an idle connection", size, f"<= {most} KiB", size <= most * 1024,
                f"{size / 1024:.1f} KiB")

    cycles = {client: row["p50"] for (client, task, transport, _), row in table.items()
              if task == "cycle" and transport == "upgrade" and "p50" in row}
    if ours := cycles.pop("ours", None):
        limit = max(900e-6, min(cycles.values(), default=0) / 2)
        add("connect + upgrade + close: p50", ours, f"<= {limit * 1e6:.0f} us", ours <= limit, f"{ours * 1e6:.0f} us")
    return found
