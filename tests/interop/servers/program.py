"""What the servers in Python have in common: their settings, and what they tell the test."""

import json
import os
import socket
import sys
import threading
import urllib.parse

settings = json.loads(sys.argv[1])

#: The options of the Engine.IO server, from the names that engine.io gives them.
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
    # Otherwise each message is handled by a task or a thread of its own, in any order.
    "async_handlers": False
}

FLOOD = [f"flood {at}" for at in range(500)]


def say(event, **fields):
    """Tells the test what happens, in lines of JSON."""
    print(json.dumps({"event": event, **fields}), flush=True)


def end_with_stdin():
    def watch():
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()


def listen():
    """A socket that takes connections from now on."""
    listener = socket.create_server(("127.0.0.1", 0))
    say("ready", port=listener.getsockname()[1])
    return listener


def text(data):
    """A message as the test sent it: python-engineio reads text that looks like JSON as JSON."""
    return data if isinstance(data, (str, bytes)) else json.dumps(data)


def transport(environ):
    """What the session opens over: until that is done, the server itself says polling."""
    return urllib.parse.parse_qs(environ["QUERY_STRING"])["transport"][0]
