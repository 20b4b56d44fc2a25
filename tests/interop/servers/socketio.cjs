// socket.io: the test sends and gets its events named `message`.
"use strict";

const { settings, server, options, say, conduct, listen } = require("./conduct.cjs");
const socketio = require(settings.package);

// Version 2 exports the class itself.
const Server = socketio.Server || socketio;
new Server(server, options).on("connection", (socket) => {
  const session = conduct({
    sid: socket.conn.id,
    send: (data) => socket.emit("message", data),
    close: () => socket.disconnect(true),
  });
  say("connection", { sid: socket.conn.id, transport: socket.conn.transport.name });
  // A message that arrives together with the end of the session reaches Engine.IO, but no listener of socket.io.
  if (settings.keep) socket.conn.on("data", (data) => session.message(JSON.parse(data.slice(1))[1]));
  else socket.on("message", session.message);
  socket.conn.on("close", session.closed);
});
listen();
