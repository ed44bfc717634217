/** A create that was accepted, and so paid for. */
export interface Entry {
  readonly task: string;
  readonly request: unknown;
  readonly [field: string]: unknown;
}

export interface Book {
  /** How many creates were accepted. */
  readonly creates: number;
  readonly entries: readonly Entry[];
  /** Requests that were accepted more than once. */
  readonly duplicates: readonly unknown[];
  readonly [field: string]: unknown;
}

export interface Expected {
  /** The image or audio URL contains or matches this. */
  match?: string;
  /** Fields of the request, each with exactly this value. */
  fields?: Record<string, unknown>;
  /** What is counted: accepted creates unless said otherwise. */
  on?: "create" | "poll" | "media";
  exactly?: number;
  at_least?: number;
  at_most?: number;
}

/** What is to become of a task: a status, or an age. */
export interface Told {
  status?: "pending" | "processing" | "completed" | "failed";
  progress?: number;
  /** Why it fails. */
  code?: string;
  /** By how much it is to be older: "10s". */
  advance?: string;
}

/** The name of a day that is shipped, YAML, or the same as an object. */
export type Scenario = "calm" | "busy" | "lossy" | "broke" | "hostile" | (string & {}) | object;

/** A fake API of its own: book, clock, scenario, balance and journal belong to one key. */
export interface World {
  /** `http://127.0.0.1:PORT`, without a slash at the end. */
  readonly url: string;
  /** What the client sends as `Authorization: Bearer KEY`. */
  readonly key: string;
  /** What was accepted, and so paid for. */
  book(): Promise<Book>;
  /** Tasks by status, the clock, what broke the contract. */
  state(): Promise<Record<string, unknown>>;
  /** The last requests and their answers, keys replaced. */
  journal(): Promise<Record<string, unknown>[]>;
  /** Requests that broke the contract or fit no path, and why. */
  unmatched(): Promise<{ method: string; path: string; message: string }[]>;
  /** How often what is expected happened; rejects with what came closest if it did not. */
  verify(expected?: Expected): Promise<number>;
  /** Plays another day from the next request on. */
  scenario(scenario: Scenario): Promise<void>;
  /** Drives a task by hand, and tells where it then stands. */
  task(id: string, told: Told): Promise<{ id: string; status: string; progress: number }>;
  /** Advances the clock, so that tasks complete and links die without waiting: "24h". */
  advance(span: string): Promise<void>;
  /** Forgets every request; scenario and clock stay. */
  reset(): Promise<void>;
  /** Forgets this world. */
  end(): Promise<void>;
}

/** The process of the fake, which is a world too. */
export interface Server extends World {
  /** Another world in the same process, under a key that nobody else has. */
  world(key?: string): World;
  /** Ends the process. */
  stop(): Promise<void>;
}

export interface Options {
  scenario?: Scenario;
  /** The program, if not the one of this package; else the variable CALLSHEET_MOCK is asked. */
  program?: string;
}

/** The fake refused what it was told, or did not start: its message says why. */
export class MockError extends Error {
  /** The HTTP status: 406 for what did not happen as expected. */
  readonly status?: number;
}

/** Starts a fake on a free port of 127.0.0.1. It ends with this process, or by `stop()`. */
export function start(options?: Options): Promise<Server>;
