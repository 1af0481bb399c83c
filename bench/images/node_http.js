// The server of bench/node-http, on the library OS and on Linux: each reply is 148
// bytes, 48 of them the body's. Says when it serves.
"use strict";
const body = "a small static message of forty-eight characters";
const server = require("http").createServer((request, response) => {
  response.writeHead(200, { "Content-Length": body.length });
  response.end(body);
});
server.keepAliveTimeout = 0;  // a load may pause
server.listen(8080, () => console.log("http: serving"));
