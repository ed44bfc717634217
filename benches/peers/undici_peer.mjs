// Node undici: answers to a CSV file, nothing synced. MODULES URL PAIRS CONCURRENCY FOLDER.

import { createWriteStream } from "node:fs";
import { createRequire } from "node:module";

const [modules, url, pairs, concurrency, folder] = process.argv.slice(2);
const { Pool } = createRequire(`${modules}/`)("undici");

const { origin, pathname: path } = new URL(url);
const pool = new Pool(origin, { connections: Number(concurrency) });
const rows = createWriteStream(`${folder}/undici.csv`);
const headers = {
  authorization: "Bearer bench-key-0123456789",
  "content-type": "application/json",
};
let next = 0;

async function work() {
  while (next < Number(pairs)) {
    const n = next++;
    const body = JSON.stringify({
      model: "omnihuman-1.5",
      image_url: `https://example.com/portraits/${n}.jpg`,
      audio_url: `https://example.com/speech/${n}.mp3`,
    });
    const answer = await pool.request({ path, method: "POST", headers, body });
    rows.write(`${n},${(await answer.body.json()).id}\n`);
  }
}

await Promise.all(Array.from({ length: Number(concurrency) }, work));
await pool.close();
rows.end();
