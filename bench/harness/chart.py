"""The figures as one SVG: a small bar chart for each case, readable on light and dark backgrounds."""

from html import escape

from .measure import SIZES
from .tables import CLIENTS, index, rate, time

WIDTH, COLUMN, LABEL, BAR, ROW = 960, 310, 118, 96, 17
ROWS = [
    ("websocket", "receive", "rate", "WebSocket: messages received per second"),
    ("websocket", "send", "rate", "WebSocket: messages sent per second"),
    ("websocket", "echo", "p50", "WebSocket: round trip, p50 (shorter is better)"),
    ("polling", "receive", "rate", "Polling: messages received per second"),
    ("polling", "send", "rate", "Polling: messages sent per second"),
    ("polling", "echo", "p50", "Polling: round trip, p50 (shorter is better)"),
]
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 13px }
.quiet { fill: #57606a }
.bar { fill: #b6c0cc }
.ours { fill: #2f7fd6 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #9aa5b1 }
  .bar { fill: #57626f }
  .ours { fill: #58a6ff }
}
"""


def svg(results):
    found = index(results)
    body = []
    top = 8
    for transport, task, figure, title in ROWS:
        clients = [client for client in CLIENTS if any(key[:3] == (client, task, transport) for key in found)]
        if not clients:
            continue
        body.append(text(8, top + 14, title, "title"))
        for column, size in enumerate(SIZES.values()):
            cases = {client: found.get((client, task, transport, size)) for client in clients}
            body += panel(8 + column * COLUMN, top + 24, size, cases, figure)
        top += 24 + (len(clients) + 1) * ROW + 16
    summary = "Messages per second and round trips of Engine.IO clients, side by side"
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" width="{WIDTH}" height="{top}" '
            f'role="img" aria-label="{summary}">\n<style>{STYLE}</style>\n' + "\n".join(body) + "\n</svg>\n")


def panel(left, top, size, cases, figure):
    yield text(left + LABEL, top + 11, size, "quiet")
    longest = max((case[figure] for case in cases.values() if case and figure in case), default=1)
    for number, (client, case) in enumerate(cases.items(), 1):
        line = top + number * ROW
        yield text(left + LABEL - 6, line + 11, CLIENTS[client].replace("actix-engineio, ", ""), anchor="end")
        if case is None:
            continue
        if figure not in case:
            yield text(left + LABEL, line + 11, "fails", "quiet")
            continue
        width = max(case[figure] / longest * BAR, 1)
        kind = "bar ours" if client in ("ours", "stream") else "bar"
        yield f'<rect class="{kind}" x="{left + LABEL}" y="{line + 1}" width="{width:.1f}" height="{ROW - 5}" rx="2"/>'
        shown = rate(case[figure]) if figure == "rate" else time(case[figure])
        yield text(left + LABEL + width + 5, line + 11, shown)


def text(x, y, words, kind="", anchor="start"):
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.0f}" y="{y}"{kind} text-anchor="{anchor}">{escape(words)}</text>'
