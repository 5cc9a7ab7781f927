// Plain WebSockets: a session is a connection, a message to nobody is gone. What a Node server costs at the least.
import http from "node:http";
import { WebSocketServer } from "ws";
import { listen, publisher } from "./publish.mjs";

const sessions = new Map();
const server = http.createServer(publisher((session, text) => sessions.get(session)?.send(text)));
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

sockets.on("connection", (socket, request) => {
  const session = Number(new URL(request.url, "http://localhost").searchParams.get("session"));
  sessions.set(session, socket);
  socket.alive = true;
  socket.on("pong", () => (socket.alive = true));
  socket.on("error", () => {});
  socket.on("close", () => sessions.get(session) === socket && sessions.delete(session));
  socket.send("hello");
});

// As the package's documentation has it: who does not answer a Ping until the next one is gone.
setInterval(() => {
  for (const socket of sockets.clients) {
    if (!socket.alive) {
      socket.terminate();
    } else {
      socket.alive = false;
      socket.ping();
    }
  }
}, 30_000);

listen(server);
