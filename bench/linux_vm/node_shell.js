// node_shell.js TEXT FILE...: runs a text and files of this directory, with node,
// as V8's shell does: load and print are there.
"use strict";
const fs = require("fs");
const vm = require("vm");
process.chdir(__dirname);
globalThis.load = (...files) => {
  for (const file of files) vm.runInThisContext(fs.readFileSync(file, "utf8"), file);
};
globalThis.print = (...values) => fs.writeSync(1, values.join(" ") + "\n");
const [text, ...files] = process.argv.slice(2);
vm.runInThisContext(text);
load(...files);
