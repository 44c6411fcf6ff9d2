"use strict";
// GET / and GET /healthz, as JSON, on $PORT. On SIGTERM it answers what is under way and ends.

const http = require("node:http");

const routes = {
  "/": () => ({
    greeting: `${process.env.GREETING || "Hello"} from ${process.env.DYNO || "this machine"}`,
    release: process.env.HEROKU_RELEASE_VERSION || null,
  }),
  "/healthz": () => ({ ok: true }),
};

const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const route = Object.hasOwn(routes, pathname) ? routes[pathname] : null;
  const allowed = request.method === "GET" || request.method === "HEAD";
  const status = route === null ? 404 : allowed ? 200 : 405;
  const body = status === 200 ? route() : { error: http.STATUS_CODES[status] };
  const headers = { "Content-Type": "application/json" };
  if (status === 405) headers.Allow = "GET, HEAD";
  // A kept-alive connection would hold the server open; the router makes a new one elsewhere.
  if (stopping) headers.Connection = "close";
  response.writeHead(status, headers);
  response.end(request.method === "HEAD" ? undefined : JSON.stringify(body) + "\n");
});

// Longer than the router keeps an idle connection: who closes first must be the one that sends.
server.keepAliveTimeout = 75_000;

let stopping = false;

function stop() {
  if (stopping) return;
  stopping = true;
  console.log("stopping: answering what is under way");
  server.close(() => process.exit(0));
  server.closeIdleConnections();
}

process.on("SIGTERM", stop);
process.on("SIGINT", stop);

const port = Number(process.env.PORT || 5000);
server.listen(port, "0.0.0.0", () => console.log(`listening on port ${port}`));
