"""python-engineio's Server with a thread for each request, on Werkzeug or gunicorn."""

import logging
import os
import time

import engineio

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


def werkzeug():
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    http = make_server("127.0.0.1", 0, engineio.WSGIApp(server), threaded=True)
    say("ready", port=http.port)
    http.serve_forever()


def gunicorn():
    """A worker with threads and gunicorn's defaults. There is no master beside it, so one process is the whole server."""
    from gunicorn.app.base import BaseApplication
    from gunicorn.glogging import Logger
    from gunicorn.sock import create_sockets
    from gunicorn.workers.gthread import ThreadWorker

    class Application(BaseApplication):
        def load_config(self):
            self.cfg.set("bind", "127.0.0.1:0")
            self.cfg.set("threads", 100)

        def load(self):
            return engineio.WSGIApp(server)

    application = Application()
    cfg = application.cfg
    log = Logger(cfg)
    listeners = create_sockets(cfg, log)
    say("ready", port=listeners[0].getsockname()[1])
    ThreadWorker(1, os.getppid(), listeners, application, cfg.timeout, cfg, log).init_process()


end_with_stdin()
{"threading": werkzeug, "gunicorn": gunicorn}[settings["mode"]]()
