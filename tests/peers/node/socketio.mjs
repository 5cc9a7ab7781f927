// Socket.IO with connection state recovery, kept by its own adapter in memory. Each session is a room.
import http from "node:http";
import { Server } from "socket.io";
import { listen, publisher } from "./publish.mjs";

let io;
const publish = publisher((session, text) => io.to(`s${session}`).emit("m", text));
const server = http.createServer();
io = new Server(server, {
  transports: ["websocket"],
  serveClient: false,
  // Longer than a run: publishing what everybody misses may take a while on a busy machine.
  connectionStateRecovery: { maxDisconnectionDuration: 15 * 60_000 },
});
io.on("connection", (socket) => {
  if (!socket.recovered) socket.join(`s${socket.handshake.auth.session}`);
});
server.on("request", (request, response) => {
  if (!request.url.startsWith("/socket.io/")) publish(request, response);
});

listen(server);
