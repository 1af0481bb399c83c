"use strict";
// An application as its manual has them: middleware, routes, bodies, static files, errors.
const path = require("path");
const express = require("express");

const app = express();
const notes = new Map();

app.use((request, response, next) => {
  response.set("X-Served-By", process.platform);
  next();
});
app.use("/static", express.static(path.join(__dirname, "static")));
app.use(express.json({ limit: "100kb" }));

const router = express.Router();
router.param("name", (request, response, next, name) => {
  if (/^\w+$/.test(name)) next();
  else next(Object.assign(new Error(`no name: ${name}`), { status: 400 }));
});
router.route("/:name")
  .get((request, response) => {
    const note = notes.get(request.params.name);
    if (note === undefined) response.sendStatus(404);
    else response.json({ name: request.params.name, note, short: "short" in request.query });
  })
  .put((request, response) => {
    notes.set(request.params.name, request.body);
    response.status(201).location(request.originalUrl).end();
  });
app.use("/notes", router);
app.get("/fails", async (request, response, next) => {
  try {
    await require("fs").promises.readFile("/nowhere");
  } catch (error) {
    next(error);
  }
});
app.use((error, request, response, next) => {
  response.status(error.status || 500).json({ message: error.message });
});

const address = require("os").networkInterfaces().eth0[0].address;
const server = app.listen(0, () => console.log("at", address, server.address().port));
