"""python-engineio's Server with a thread for each request, on Werkzeug."""

import logging
import time

import engineio
from werkzeug.serving import make_server

from program import FLOOD, end_with_stdin, options, say, settings, text, transport

server = engineio.Server(async_mode="threading", **options)
received = {}


@server.on("connect")
def connect(sid, environ):
    if settings.get("refuse"):
        return False
    received[sid] = []
    say("connection", sid=sid, transport=transport(environ))


@server.on("message")
def message(sid, data):
    if settings.get("keep"):
        received[sid].append(text(data))
    elif data == "/close":
        # It waits until the client has received everything.
        server.start_background_task(server.disconnect, sid)
    elif data == "/flood":
        server.start_background_task(flood, sid)
    else:
        server.send(sid, data)


@server.on("disconnect")
def disconnect(sid, reason):
    say("close", sid=sid, reason=reason, received=received.pop(sid))


def flood(sid):
    """Sends messages during the whole time that an upgrade takes."""
    for at, word in enumerate(FLOOD):
        server.send(sid, word)
        if at % 10 == 9:
            time.sleep(0.001)


logging.getLogger("werkzeug").setLevel(logging.ERROR)
end_with_stdin()
http = make_server("127.0.0.1", 0, engineio.WSGIApp(server), threaded=True)
say("ready", port=http.port)
http.serve_forever()
