"""A server of python-engineio on aiohttp, which compresses for each client that offers it.

`server.py FOLDER`: prints its address. The query of a client says what it does with it: `mode=flood` sends `count` documents,
which are the lines of FOLDER/`size`.jsonl in turns; `mode=sink` sends one message when it has received `count`.
"""

import pathlib
import socket
import sys
import urllib.parse

import engineio
from aiohttp import web

folder = pathlib.Path(sys.argv[1])
documents = {path.stem: path.read_text().splitlines() for path in folder.glob("*.jsonl")}
server = engineio.AsyncServer(async_mode="aiohttp")
# How many messages a client still has to send.
missing = {}


@server.on("connect")
async def connect(sid, environ):
    query = dict(urllib.parse.parse_qsl(environ["QUERY_STRING"]))
    if query["mode"] == "flood":
        server.start_background_task(flood, sid, documents[query["size"]], int(query["count"]))
    else:
        missing[sid] = int(query["count"])


async def flood(sid, lines, count):
    for number in range(count):
        await server.send(sid, lines[number % len(lines)])


@server.on("message")
async def message(sid, _):
    missing[sid] -= 1
    if missing[sid] == 0:
        await server.send(sid, "end")


@server.on("disconnect")
def disconnect(sid, _):
    missing.pop(sid, None)


def main():
    app = web.Application()
    server.attach(app)
    listener = socket.create_server(("127.0.0.1", 0))
    print("%s:%d" % listener.getsockname(), flush=True)
    web.run_app(app, sock=listener, print=None)


main()
