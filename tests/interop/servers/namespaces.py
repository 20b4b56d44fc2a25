"""python-socketio as the tests of examples/socketio need it; see namespaces.cjs. An event without a handler gets no
acknowledgement."""

import asyncio

import socketio
from aiohttp import web

from program import end_with_stdin, listen, options, say, settings

# `call` needs a task for each event.
server = socketio.AsyncServer(async_mode="aiohttp", **options | {"async_handlers": True})


@server.event
async def connect(sid, environ, auth):
    say("connection", auth=auth or {}, recovered=False)


@server.event
async def disconnect(sid, reason):
    say("disconnect", reason=reason)


@server.event
async def message(sid, *args):
    await server.emit("message", args, to=sid)


@server.event
async def question(sid, *args):
    return args


@server.on("ask me")
async def ask_me(sid, *args):
    asyncio.create_task(ask(sid, args))


async def ask(sid, args):
    answer = await server.call("question", args, to=sid, timeout=10)
    await server.emit("answered", answer, to=sid)


@server.event
async def flood(sid, count):
    for at in range(count):
        await server.emit("flood", at, to=sid)


@server.on("leave me")
async def leave_me(sid):
    asyncio.create_task(server.disconnect(sid))


@server.on("lose me")
async def lose_me(sid):
    asyncio.create_task(server.eio.disconnect(server.manager.eio_sid_from_sid(sid, "/")))


@server.on("connect", namespace="/private")
async def connect_private(sid, environ, auth):
    token = (auth or {}).get("token")
    if token != settings["token"]:
        raise socketio.exceptions.ConnectionRefusedError("not authorized", {"token": token})
    say("private", auth=auth)


@server.on("message", namespace="/private")
async def message_private(sid, *args):
    await server.emit("message", args, to=sid, namespace="/private")


async def main():
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listen()).start()
    await asyncio.Event().wait()


end_with_stdin()
asyncio.run(main())
