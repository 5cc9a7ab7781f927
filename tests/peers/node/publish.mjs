// How messages come in, for both servers: POST /publish with a JSON list of [session, text].

/** Answers the requests that are not WebSockets. */
export function publisher(send) {
  return (request, response) => {
    const answer = (status) => {
      response.writeHead(status, { "content-type": "application/json", "content-length": 2 });
      response.end("{}");
    };
    if (request.method !== "POST" || request.url !== "/publish") return answer(404);
    const pieces = [];
    request.on("data", (piece) => pieces.push(piece));
    request.on("end", () => {
      for (const [session, text] of JSON.parse(Buffer.concat(pieces))) send(session, text);
      answer(200);
    });
  };
}

/** The port that was asked for; only loopback is listened on, with room for many that connect at once. */
export function listen(server) {
  server.listen({ host: "127.0.0.1", port: Number(process.argv[2]), backlog: 4096 });
}
