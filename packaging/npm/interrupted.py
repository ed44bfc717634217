"""Ctrl-C in a terminal reaches the program and what started it, and counts as one: the run ends in order.

    packaging/npm/interrupted.py CALLSHEET FOLDER
"""

import os
import pty
import subprocess
import sys
import time
from pathlib import Path

# Tasks that take a minute: the run waits, and has to be stopped.
DAY = "work: {elapsed: 60s}\n"
PAIRS = "version: 1\npairs: [{image: https://example.com/a.jpg, audio: https://example.com/a.mp3}]\n"
STOPPED_EARLY = 4


def main() -> None:
    program, folder = sys.argv[1], Path(sys.argv[2])
    (folder / "day.yaml").write_text(DAY)
    (folder / "slow.yaml").write_text(PAIRS)
    ours, theirs = pty.openpty()
    run = subprocess.Popen([program, "run", "slow.yaml", "--mock=day.yaml"], cwd=folder, stdin=theirs,
                           stdout=theirs, stderr=subprocess.STDOUT, start_new_session=True,
                           preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)))
    os.close(theirs)
    csv, end = folder / "slow.mock.run/tasks.csv", time.monotonic() + 60
    while not (csv.exists() and "created" in csv.read_text()):
        if time.monotonic() > end or run.poll() is not None:
            sys.exit("error: the run has created nothing")
        time.sleep(0.05)
    os.write(ours, b"\x03")
    code = wait(run, ours)
    if code != STOPPED_EARLY:
        sys.exit(f"error: Ctrl-C ended it with {code} and not {STOPPED_EARLY}")
    print(f"Ctrl-C: exit {code}")


def wait(run: subprocess.Popen, terminal: int) -> int:
    """Its exit code; what it draws is read, so that it never waits for the terminal."""
    while True:
        try:
            if not os.read(terminal, 65536):
                break
        except OSError:
            break
    return run.wait(30)


if __name__ == "__main__":
    main()
