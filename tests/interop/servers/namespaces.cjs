// socket.io as the tests of examples/socketio need it: namespaces, acknowledgements in both directions, attachments.
"use strict";

const { settings, server, options, say, listen } = require("./conduct.cjs");
const { Server } = require("socket.io");

const io = new Server(server, options);

io.on("connection", (socket) => {
  say("connection", { auth: socket.handshake.auth, recovered: socket.recovered });
  socket.on("message", (...args) => socket.emit("message", ...args));
  socket.on("question", (...args) => args.pop()(...args));
  socket.on("silence", () => {});
  socket.on("ask me", async (...args) => {
    const answer = await socket.timeout(10000).emitWithAck("question", ...args);
    socket.emit("answered", answer);
  });
  socket.on("flood", (count) => {
    for (let at = 0; at < count; at++) socket.emit("flood", at);
  });
  socket.on("leave me", () => socket.disconnect());
  // The network is lost for a moment; the server stores what it could not send.
  socket.on("lose me", () => {
    socket.conn.close();
    if (options.connectionStateRecovery) io.emit("message", "missed");
  });
  socket.on("disconnect", (reason) => say("disconnect", { reason }));
});

const private_ = io.of("/private");
private_.use((socket, next) => {
  if (socket.handshake.auth.token === settings.token) return next();
  next(Object.assign(new Error("not authorized"), { data: { token: socket.handshake.auth.token ?? null } }));
});
private_.on("connection", (socket) => {
  say("private", { auth: socket.handshake.auth });
  socket.on("message", (...args) => socket.emit("message", ...args));
});

listen();
