// How the servers on Node behave.
"use strict";

const http = require("http");
const https = require("https");

const settings = JSON.parse(process.argv[2]);

// Tells the test what happens, in lines of JSON.
const say = (event, fields) => console.log(JSON.stringify({ event, ...fields }));

const nothing = (_, response) => response.writeHead(404).end();
const server = settings.tls ? https.createServer(settings.tls, nothing) : http.createServer(nothing);
server.on("request", (_, response) =>
  response.on("finish", () => {
    const encoding = response.getHeader("content-encoding");
    if (encoding) say("compressed", { encoding });
  }),
);

// The options of the Engine.IO server.
const options = { ...settings.options };
if (settings.refuse) options.allowRequest = (_, done) => done("not today", false);

// `peer` sends, closes, and shows the headers of a request. Keeps what comes, or sends it back and does as it is told.
function conduct(peer) {
  const received = [];
  return {
    message(data) {
      if (settings.keep) received.push(data.toString());
      else if (data === "/close") peer.close();
      else if (data === "/headers") peer.send(JSON.stringify(peer.headers()));
      else if (data === "/flood") flood(peer, 0);
      else peer.send(data);
    },
    closed: (reason) => say("close", { sid: peer.sid, reason, received }),
  };
}

// Spread over the time that an upgrade takes.
function flood(peer, from) {
  for (let at = from; at < from + 10; at++) peer.send(`flood ${at}`);
  if (from + 10 < 500) setTimeout(flood, 1, peer, from + 10);
}

// Last, when the Engine.IO server has been attached.
function listen() {
  server.listen(0, "127.0.0.1", () => say("ready", { port: server.address().port }));
  process.stdin.resume().on("end", () => process.exit());
}

module.exports = { settings, server, options, say, conduct, listen };
