#!/usr/bin/env node
// Runs the program in place of this one, as far as Node can: same terminal, same signals, same end.
import { spawn } from "node:child_process";

import { program } from "./program.js";

let command;
try {
  command = program();
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exit(1);
}
const child = spawn(command, process.argv.slice(2), { stdio: "inherit" });
// A second signal stops at once what the first has asked to end in order. Ctrl-C comes from the terminal
// to both, so it is not passed on where there is one; of the rest two within 200 ms count as one.
const terminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
process.on("SIGINT", () => terminal || child.kill("SIGINT"));
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`error: cannot run ${command}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
