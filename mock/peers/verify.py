"""Verifies with Pact that a fake says what the runner needs. usage: verify.py URL PACT"""

import json
import os
import sys
import tempfile
import urllib.request
from urllib.parse import urlsplit

# Before it is loaded: it would tell its makers.
os.environ["PACT_DO_NOT_TRACK"] = "true"

from pact import Verifier  # noqa: E402

PAIR = {
    "model": "omnihuman-1.5",
    "image_url": "https://example.com/portrait.jpg",
    "audio_url": "https://example.com/speech.mp3",
}


def tell(url, body):
    headers = {"authorization": "Bearer mock-key", "content-type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def main(url, pact):
    # The one task that the pact is about has another name in each fake.
    task = tell(f"{url}/v1/videos/generations", PAIR)["id"]
    tell(f"{url}/__mock/tasks/{task}", {"status": "completed"})
    with open(pact, encoding="utf-8") as file:
        text = file.read().replace("/v1/tasks/task-1", f"/v1/tasks/{task}")
    with tempfile.TemporaryDirectory() as folder:
        named = os.path.join(folder, "callsheet.json")
        with open(named, "w", encoding="utf-8") as file:
            file.write(text)
        verifier = Verifier("callsheet-mock", urlsplit(url).hostname)
        verifier.add_source(named).add_transport(url=url).verify()


main(*sys.argv[1:])
