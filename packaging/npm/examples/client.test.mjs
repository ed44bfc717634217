// How a client of the video API is tested, with `fetch` as the client.
//
//     npm install --save-dev callsheet-mock
//     node --test client.test.mjs
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { MockError, start } from "callsheet-mock";

let server, api;
before(async () => (server = await start()));
after(() => server.stop());
beforeEach(() => (api = server.world()));

function create(name) {
  return fetch(`${api.url}/v1/videos/generations`, {
    method: "POST",
    headers: { authorization: `Bearer ${api.key}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "omnihuman-1.5",
      prompt: "Hello",
      image_url: `https://example.com/${name}.jpg`,
      audio_url: "https://example.com/hello.mp3",
    }),
  });
}

async function poll(id) {
  const headers = { authorization: `Bearer ${api.key}` };
  return (await fetch(`${api.url}/v1/tasks/${id}`, { headers })).json();
}

test("a video is made and paid for once", async () => {
  const { id } = await (await create("anna")).json();
  await api.task(id, { status: "completed" });
  const done = await poll(id);
  assert.equal(done.status, "completed");
  assert.equal((await fetch(done.results[0].url)).status, 200);
  assert.equal(await api.verify({ match: "anna", fields: { prompt: "Hello" }, exactly: 1 }), 1);
  assert.deepEqual((await api.book()).duplicates, []);
});

test("a lost answer that is sent again is paid twice", async () => {
  await api.scenario({ faults: [{ fault: "reset-after-accept", first: 1 }] });
  await assert.rejects(create("anna"));
  assert.equal((await create("anna")).status, 200);
  const book = await api.book();
  assert.equal(book.creates, 2);
  assert.equal(book.duplicates.length, 1);
});

test("each world is one's own, and has its own day", async () => {
  assert.equal((await api.book()).creates, 0);
  await api.scenario("broke");
  const answers = [];
  for (const name of ["a", "b", "c", "d"]) answers.push((await create(name)).status);
  assert.deepEqual(answers, [200, 200, 200, 402]);
  await api.end();
  await server.world().end();
});

test("what did not happen is told with what came closest", async () => {
  await create("anna");
  await assert.rejects(api.verify({ match: "ben" }), (error) => {
    assert.ok(error instanceof MockError && error.status === 406);
    assert.match(error.message, /there were 0 among 1\nclosest: /);
    return true;
  });
  await assert.rejects(api.scenario({ acept: 1 }), /acept/);
});

test("a program that is none is told", async () => {
  await assert.rejects(start({ program: "/nowhere/at-all" }), /cannot start the fake/);
  await assert.rejects(start({ program: "/bin/false" }), /ended with 1 at once/);
  await assert.rejects(start({ scenario: { acept: 1 } }), /acept/);
});
