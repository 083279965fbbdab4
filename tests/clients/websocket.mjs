// A WebSocket client and server from npm: `node websocket.mjs serve PORT`, `node websocket.mjs talk URL`.
import { WebSocket, WebSocketServer } from "ws";

function serve(port) {
  const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port) });
  server.on("connection", (socket, request) => {
    socket.send(`hello ${request.headers["x-forwarded-for"]} ${request.url}`);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
}

async function talk(url) {
  const socket = new WebSocket(url, { rejectUnauthorized: false });
  const received = [];
  let wake = () => {};
  socket.on("message", (data, isBinary) => {
    received.push(isBinary ? data : data.toString());
    wake();
  });
  const next = async () => {
    while (received.length === 0) await new Promise((done) => (wake = done));
    return received.shift();
  };
  await new Promise((done, failed) => socket.on("open", done).on("error", failed));
  console.log(await next());

  for (const text of ["a", "ä€😀", "x".repeat(70000)]) {
    socket.send(text);
    if ((await next()) !== text) throw new Error("another text came back");
  }
  const bytes = Buffer.alloc(3 << 20, 7);
  socket.send(bytes);
  if (!bytes.equals(await next())) throw new Error("other bytes came back");
  const pong = new Promise((done) => socket.on("pong", done));
  socket.ping();
  await pong;
  const closed = new Promise((done) => socket.on("close", done));
  socket.close(1000, "done");
  console.log(`closed ${await closed}`);
}

const [what, where] = process.argv.slice(2);
if (what === "serve") serve(where);
else await talk(where);
