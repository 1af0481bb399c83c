// The server of bench/node-http, on the library OS and on Linux: each reply is 148
// bytes, 25 of them the body's. Says when it serves.
"use strict";
const body = "a message of this length\n";
require("http").createServer((request, response) => {
  response.writeHead(200, { "Content-Length": body.length });
  response.end(body);
}).listen(8080, () => console.log("http: serving"));
