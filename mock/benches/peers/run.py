#!/usr/bin/env python3
"""Requests/s of callsheet-mock beside other fakes, by the same client, in turn.

    cargo build --release --package callsheet-mock
    python3 mock/benches/peers/run.py [REQUESTS [ROUNDS]]

Installs WireMock (the Java one, as its npm package ships it), Prism and aimock into target/peers with
npm; WireMock needs Java. Each answers creates and polls as well as it can: WireMock two fixed texts,
Prism the examples of `openapi.yaml`, to which it holds the requests, aimock a task of another service
that is made on the same path. The last line is JSON.
"""

import json
import socket
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
TOOLS = ROOT / "target" / "peers"
PACKAGES = ["wiremock@3.13.2", "@stoplight/prism-cli@5.14.2", "@copilotkit/aimock@1.43.0"]
TASKS = {"aimock": "/v1/videos/"}
PATIENCE = 60


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def commands(port):
    """What starts each server on a port of 127.0.0.1."""
    jar = TOOLS / "node_modules/wiremock/build/wiremock-standalone-3.13.2.jar"
    return {
        "callsheet-mock": [ROOT / "target/release/callsheet-mock", "--port", str(port)],
        "wiremock": [
            "java", "-jar", jar, "--port", str(port), "--bind-address", "127.0.0.1",
            "--root-dir", HERE / "wiremock", "--disable-banner",
            "--max-request-journal-entries", "1000",
        ],
        "prism": [
            TOOLS / "node_modules/.bin/prism", "mock", "--host", "127.0.0.1", "--port", str(port),
            "--verboseLevel", "silent", ROOT / "mock/openapi.yaml",
        ],
        "aimock": [
            "node", TOOLS / "node_modules/@copilotkit/aimock/dist/cli.js", "--port", str(port),
            "--fixtures", HERE / "aimock", "--log-level", "silent",
        ],
    }


def start(name):
    port = free_port()
    command = [str(part) for part in commands(port)[name]]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return server, f"127.0.0.1:{port}"
        except OSError:
            time.sleep(0.1)
    server.kill()
    sys.exit(f"{name} does not listen: {' '.join(command)}")


def load(name, address, requests):
    bench = ["cargo", "bench", "--quiet", "--package", "callsheet-mock", "--bench", "load", "--"]
    told = subprocess.run(
        [*bench, "against", address, TASKS.get(name, "/v1/tasks/"), str(requests)],
        cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
    )
    return json.loads(told.stdout.splitlines()[-1])["requests_per_second"]


def most_megabytes(server):
    """The most memory that a server held. Prism and WireMock are one process each."""
    for line in Path(f"/proc/{server.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 1024, 1)
    return None


def main():
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    TOOLS.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", TOOLS, *PACKAGES],
        check=True,
    )
    servers = {name: start(name) for name in commands(0)}
    try:
        # The first round warms them up: Java compiles what is asked for often.
        speeds = {name: [] for name in servers}
        for _ in range(rounds + 1):
            for name, (_, address) in servers.items():
                speeds[name].append(load(name, address, requests))
        found = {
            name: {
                "requests_per_second": round(sum(told[1:]) / rounds),
                "most_megabytes": most_megabytes(servers[name][0]),
            }
            for name, told in speeds.items()
        }
    finally:
        for server, _ in servers.values():
            server.terminate()
            server.wait()
    for name, told in found.items():
        print(f"{name}: {told['requests_per_second']} requests/s, {told['most_megabytes']} MB at most")
    print(json.dumps({"requests": requests, "rounds": rounds, **found}))


if __name__ == "__main__":
    main()
