"""python-engineio's AsyncServer, on aiohttp or on uvicorn. Version 3 gives no reason for a disconnect."""

import asyncio

import engineio
from aiohttp import web

from program import FLOOD, end_with_stdin, listen, options, say, settings, text, transport

server = engineio.AsyncServer(async_mode=settings["mode"], **options)
received = {}


@server.on("connect")
async def connect(sid, environ):
    if settings.get("refuse"):
        return False
    received[sid] = []
    say("connection", sid=sid, transport=transport(environ))


@server.on("message")
async def message(sid, data):
    if settings.get("keep"):
        received[sid].append(text(data))
    elif data == "/close":
        # It waits until the client has received everything.
        asyncio.create_task(server.disconnect(sid))
    elif data == "/flood":
        asyncio.create_task(flood(sid))
    else:
        await server.send(sid, data)


@server.on("disconnect")
async def disconnect(sid, reason=None):
    say("close", sid=sid, reason=reason, received=received.pop(sid))


async def flood(sid):
    """Sends messages during the whole time that an upgrade takes."""
    for at, word in enumerate(FLOOD):
        await server.send(sid, word)
        if at % 10 == 9:
            await asyncio.sleep(0.001)


async def on_aiohttp():
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.SockSite(runner, listen()).start()
    await asyncio.Event().wait()


async def on_uvicorn():
    import uvicorn

    config = uvicorn.Config(engineio.ASGIApp(server), log_level="error", ws="websockets-sansio")
    await uvicorn.Server(config).serve(sockets=[listen()])


end_with_stdin()
asyncio.run({"aiohttp": on_aiohttp, "asgi": on_uvicorn}[settings["mode"]]())
