// The reference client, engine.io-client; the arguments are those of every driver.

const fs = require("node:fs");
const { Socket } = require("engine.io-client");

const [task, address, transportArgument, sizeArgument, countArgument] = process.argv.slice(2);
const [transport, compression] = transportArgument.split("+");
const binary = sizeArgument.endsWith("b");
const size = parseInt(sizeArgument);
const count = Number(countArgument);
const burst = Math.max(1, Math.min(300, Math.floor((1 << 20) / Math.max(1, size)), Math.floor(count / 10)));
const warmUp = Math.floor(count / 10);
// The documents of a file, or the same message again and again.
const documents = process.env.DOCUMENTS && fs.readFileSync(process.env.DOCUMENTS, "utf8").trimEnd().split("\n");
const message = binary ? Buffer.alloc(size, "x") : "x".repeat(size);

const now = () => Number(process.hrtime.bigint()) / 1e9;
const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
// What /proc says, as for the others.
const resident = () => Number(fs.readFileSync("/proc/self/statm", "utf8").split(" ")[1]) * 4096;

let meter;
const start = () => {
  meter = { started: now(), cpu: cpu() };
};
const report = (messages, took) => {
  const line = { messages, seconds: now() - meter.started, cpu: cpu() - meter.cpu, rss: resident() };
  if (took) {
    took.sort((a, b) => a - b);
    const at = (part) => took[Math.floor((took.length - 1) * part)];
    line.p50 = at(0.5);
    line.p99 = at(0.99);
  }
  console.log(JSON.stringify(line));
  process.exit(0);
};
const fail = (err) => {
  console.error(err);
  process.exit(1);
};

const connect = (mode) => {
  const kind = binary ? "binary" : "text";
  const transports = transport === "upgrade" ? ["polling", "websocket"] : [transport];
  const url = `http://${address}?mode=${mode}&kind=${kind}&size=${size}&count=${count}`;
  // Its own default is to offer compression.
  const perMessageDeflate = compression ? { threshold: 1024 } : documents ? false : undefined;
  const options = { transports, upgrade: transport === "upgrade" };
  if (perMessageDeflate !== undefined) options.perMessageDeflate = perMessageDeflate;
  return new Socket(url, options).on("error", fail);
};

const tasks = {
  receive() {
    const socket = connect("flood");
    let seen = 0;
    socket.on("open", start);
    socket.on("message", () => {
      seen += 1;
      if (seen === warmUp) start();
      else if (seen === count) report(count - warmUp);
    });
  },

  send() {
    const socket = connect("sink");
    let sent = 0;
    let warm = 0;
    const next = () => {
      if (warm === 0 && sent > 0 && sent >= warmUp) {
        warm = sent;
        start();
      }
      if (sent === count) return;
      const most = Math.min(burst, count - sent);
      for (let index = 0; index < most; index++) {
        socket.send(documents ? documents[(sent + index) % documents.length] : message);
      }
      sent += most;
    };
    socket.on("drain", () => {
      if (socket.writeBuffer.length === 0) next();
    });
    socket.on("open", () => {
      start();
      next();
    });
    // The server sends one message when it has all.
    socket.on("message", () => report(count - warm));
  },

  // It has no promises: the callback is called when the message was handed to the system.
  "send-awaited"() {
    const socket = connect("sink");
    let sent = 0;
    const next = () => {
      if (sent === warmUp) start();
      if (sent === count) return;
      sent += 1;
      socket.send(message, {}, next);
    };
    socket.on("open", () => {
      start();
      next();
    });
    // The server sends one message when it has all.
    socket.on("message", () => report(count - warmUp));
  },

  echo() {
    const socket = connect("echo");
    let took = [];
    let seen = 0;
    let sent;
    const send = () => {
      sent = now();
      socket.send(message);
    };
    socket.on("open", () => {
      start();
      send();
    });
    socket.on("message", () => {
      took.push(now() - sent);
      seen += 1;
      if (seen === warmUp) {
        took = [];
        start();
      }
      if (seen === count) report(took.length, took);
      send();
    });
  },

  cycle() {
    let took = [];
    let cycles = 0;
    const once = () => {
      if (cycles === warmUp) {
        took = [];
        start();
      }
      if (cycles === count) report(took.length, took);
      cycles += 1;
      const started = now();
      const socket = connect("idle");
      // Not at once: while it says "upgrade" it still thinks that it is upgrading.
      socket.on(transport === "upgrade" ? "upgrade" : "open", () => queueMicrotask(() => socket.close()));
      socket.on("close", () => {
        took.push(now() - started);
        once();
      });
    };
    start();
    once();
  },

  idle() {
    const before = resident();
    const sockets = [];
    const next = () => {
      if (sockets.length === count) {
        setTimeout(() => {
          console.log(JSON.stringify({ connections: count, bytes: Math.round((resident() - before) / count) }));
          process.exit(0);
        }, 500);
        return;
      }
      const socket = connect("idle");
      sockets.push(socket);
      socket.on("open", next);
      socket.on("close", fail);
    };
    next();
  },
};

tasks[task]();
