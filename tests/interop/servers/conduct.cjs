// The behaviour of the servers on Node.
"use strict";

const http = require("http");
const https = require("https");

const settings = JSON.parse(process.argv[2]);

// Reports an event to the test, as a line of JSON.
const say = (event, fields) => console.log(JSON.stringify({ event, ...fields }));

const nothing = (_, response) => response.writeHead(404).end();
const server = settings.tls ? https.createServer(settings.tls, nothing) : http.createServer(nothing);

// The options of the Engine.IO server.
const options = { ...settings.options };
if (settings.refuse) options.allowRequest = (_, done) => done("not today", false);

// `peer` sends and closes. Messages are collected, or sent back, and commands among them are executed.
function conduct(peer) {
  const received = [];
  return {
    message(data) {
      if (settings.keep) received.push(data.toString());
      else if (data === "/close") peer.close();
      else if (data === "/name") peer.send(settings.name);
      else if (data === "/flood") flood(peer, 0);
      else peer.send(data);
    },
    closed: (reason) => say("close", { sid: peer.sid, reason, received }),
  };
}

// Sends messages during the whole time that an upgrade takes.
function flood(peer, from) {
  for (let at = from; at < from + 10; at++) peer.send(`flood ${at}`);
  if (from + 10 < 500) setTimeout(flood, 1, peer, from + 10);
}

// To be called last, when the Engine.IO server has been attached.
function listen() {
  // The arguments of `writeHead` are the only place where these headers can be seen.
  server.prependListener("request", (_, response) => {
    const { writeHead } = response;
    response.writeHead = (status, headers) => {
      const encoding = headers && headers["Content-Encoding"];
      if (encoding) say("compressed", { encoding });
      return writeHead.call(response, status, headers);
    };
  });
  // With a listener of upgrades, the listeners of requests do not get them: there must be another listener of upgrades.
  for (const kind of ["request", "upgrade"].filter((kind) => server.listenerCount(kind))) {
    server.prependListener(kind, ({ headers }) => headers.cookie && say("cookie", { kind, cookie: headers.cookie }));
  }
  server.listen(0, "127.0.0.1", () => say("ready", { port: server.address().port }));
  process.stdin.resume().on("end", () => process.exit());
}

module.exports = { settings, server, options, say, conduct, listen };
