#!/usr/bin/env bash
# browser_wasi_shim 0.4.2: unless told not to, it logs every path that is opened; and the last one made decides for all.
#
# The README makes a WASI with arguments, environment and files, and no options. One would expect a library to be
# silent then. It is not: without {debug: false} each path_open, each part of a path that is not there, and each
# polled clock is a line of console.log. A Python that starts in a browser writes over two hundred of them. The switch is one
# for the whole module: a second WASI made without the option turns the lines of the first one on again.
#
# Seen with Node 20, @bjorn3/browser_wasi_shim 0.4.2, one open of a file that is there and one of a file that is not:
#   no options: 3 lines
#   {debug: false}: 0 lines
#   {debug: false}, then another without options: 3 lines
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{"type": "module"}' > package.json
npm install --silent --no-audit --no-fund @bjorn3/browser_wasi_shim@0.4.2
cat > try.js <<'JAVASCRIPT'
import { File, PreopenDirectory, WASI } from "@bjorn3/browser_wasi_shim";

let lines = 0;
const print = console.log;
console.log = () => { lines++; };

function made(...options) {
  const wasi = new WASI([], [], [new PreopenDirectory("/", new Map([["there", new File([1])]]))], ...options);
  wasi.inst = { exports: { memory: new WebAssembly.Memory({ initial: 1 }) } };
  return wasi;
}

function opened(wasi) { // how many lines two opens write
  lines = 0;
  for (const name of ["there", "not-there"]) {
    const bytes = new TextEncoder().encode(name);
    new Uint8Array(wasi.inst.exports.memory.buffer).set(bytes, 0);
    wasi.wasiImport.path_open(0, 0, 0, bytes.length, 0, 0n, 0n, 0, 1024);
  }
  return lines;
}

const seen = [opened(made()), opened(made({ debug: false }))];
const quiet = made({ debug: false });
made();
seen.push(opened(quiet));
["no options", "{debug: false}", "{debug: false}, then another without options"]
  .forEach((words, place) => print(`${words}: ${seen[place]} lines`));
if (seen.join() !== "3,0,3") throw new Error("changed");
JAVASCRIPT
node try.js
