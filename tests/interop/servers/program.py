"""The common part of the servers in Python: their settings, and their reports to the test."""

import json
import os
import socket
import sys
import threading
import urllib.parse

settings = json.loads(sys.argv[1])

#: The options of the Engine.IO server, by the names of engine.io.
options = {
    {
        "pingInterval": "ping_interval",
        "pingTimeout": "ping_timeout",
        "maxHttpBufferSize": "max_http_buffer_size",
        "allowUpgrades": "allow_upgrades",
        "transports": "transports",
    }[name]: value / 1000 if name.startswith("ping") else value
    for name, value in settings.get("options", {}).items()
} | {
    # Otherwise a task or a thread handles each message, in any order.
    "async_handlers": False
}

FLOOD = [f"flood {at}" for at in range(500)]


def say(event, **fields):
    """Reports an event to the test, as a line of JSON."""
    print(json.dumps({"event": event, **fields}), flush=True)


def end_with_stdin():
    def watch():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def listen():
    """A socket that listens from now on."""
    listener = socket.create_server(("127.0.0.1", 0))
    say("ready", port=listener.getsockname()[1])
    return listener


def text(data):
    """A message as the test sent it: python-engineio reads text that looks like JSON as JSON."""
    return data if isinstance(data, (str, bytes)) else json.dumps(data)


def transport(environ):
    """The transport that opens the session. The server itself reports polling until the session is open."""
    return urllib.parse.parse_qs(environ["QUERY_STRING"])["transport"][0]
