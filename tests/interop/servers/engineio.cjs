// engine.io, in the version that the settings name.
"use strict";

const { settings, server, options, say, conduct, listen } = require("./conduct.cjs");

const engine = require(settings.package).attach(server, options);
engine.on("connection", (socket) => {
  const session = conduct({
    sid: socket.id,
    send: (data) => socket.send(data),
    close: () => socket.close(),
  });
  say("connection", { sid: socket.id, transport: socket.transport.name });
  socket.on("message", session.message);
  socket.on("close", session.closed);
});
listen();
