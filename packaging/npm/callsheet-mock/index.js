// The fake of the video API for tests: its process, and a world in it for each key.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";

import { program } from "./program.js";

/** The fake refused what it was told, or did not start: its message says why. */
export class MockError extends Error {
  constructor(message, status) {
    super(message);
    this.name = "MockError";
    this.status = status;
  }
}

class World {
  constructor(url, key) {
    this.url = url;
    this.key = key;
  }

  book() {
    return this.#ask("GET", "book");
  }

  state() {
    return this.#ask("GET", "state");
  }

  journal() {
    return this.#ask("GET", "journal");
  }

  async unmatched() {
    return (await this.#ask("GET", "unmatched")).unmatched;
  }

  async verify(expected = {}) {
    return (await this.#ask("POST", "verify", expected)).count;
  }

  scenario(scenario) {
    const name = typeof scenario === "string" && !/[:\n]/.test(scenario);
    return this.#ask("PUT", "scenario", name ? { name: scenario } : scenario);
  }

  task(id, told) {
    return this.#ask("POST", `tasks/${encodeURIComponent(id)}`, told);
  }

  async advance(span) {
    await this.#ask("POST", "clock", { advance: span });
  }

  reset() {
    return this.#ask("POST", "reset", "");
  }

  async end() {
    try {
      await this.#ask("DELETE", "");
    } catch (error) {
      // Nobody has used it.
      if (error.status !== 404) throw error;
    }
  }

  async #ask(method, what, told) {
    const path = `/__mock/accounts/${encodeURIComponent(this.key)}`;
    const answer = await fetch(`${this.url}${path}${what && `/${what}`}`, {
      method,
      headers: { "content-type": "application/json" },
      body: told === undefined || typeof told === "string" ? told : JSON.stringify(told),
      signal: AbortSignal.timeout(10_000),
    });
    const said = await answer.text();
    if (answer.ok) return said ? JSON.parse(said) : undefined;
    let message = said;
    try {
      message = JSON.parse(said).error.message;
    } catch {
      // What is no JSON is shown as it is.
    }
    throw new MockError(message, answer.status);
  }
}

class Server extends World {
  #child;
  #ended;

  constructor(child, url) {
    super(url, newKey());
    this.#child = child;
    this.#ended = new Promise((resolve) => child.once("exit", resolve));
  }

  world(key = newKey()) {
    return new World(this.url, key);
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill("SIGTERM");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), 2000);
    await this.#ended;
    clearTimeout(late);
  }
}

function newKey() {
  return `test-${randomUUID()}`;
}

/** Starts a fake on a free port of 127.0.0.1. */
export async function start({ scenario, program: told } = {}) {
  const command = told ?? process.env.CALLSHEET_MOCK ?? program();
  const child = spawn(command, ["--port", "0", "--any-key", "--json"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  // A test that forgets to stop it ends all the same.
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.removeListener("exit", kill));
  const url = await listening(child);
  child.unref();
  const server = new Server(child, url);
  try {
    if (scenario !== undefined) await server.scenario(scenario);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

function listening(child) {
  return new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new MockError(`cannot start the fake: ${error.message}`)));
    child.once("exit", (code) => reject(new MockError(`the fake ended with ${code} at once`)));
    const lines = createInterface({ input: child.stdout });
    lines.once("line", (line) => {
      lines.close();
      // It serves on without a reader.
      child.stdout.destroy();
      try {
        resolve(JSON.parse(line).url);
      } catch {
        child.kill("SIGKILL");
        reject(new MockError(`the fake did not start; it said ${line}`));
      }
    });
  });
}
