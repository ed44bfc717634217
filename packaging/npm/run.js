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
// What the terminal sends comes to the program too. Two within 200 ms count there as one, so nothing
// is stopped at once that was asked to end in order.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  console.error(`error: cannot run ${command}: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code, signal) => {
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
});
