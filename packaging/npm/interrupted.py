"""Ctrl-C in a terminal reaches the program and what started it, and counts as one; signals to what started
it alone are passed on. The run ends in order.

    packaging/npm/interrupted.py CALLSHEET FOLDER
"""

import os
import pty
import signal
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
    for how in ("Ctrl-C in a terminal", "SIGINT", "SIGTERM"):
        code = interrupted(program, folder, how)
        if code != STOPPED_EARLY:
            sys.exit(f"error: {how} ended it with {code} and not {STOPPED_EARLY}")
        print(f"{how}: exit {code}")


def interrupted(program: str, folder: Path, how: str) -> int:
    """The exit code of a run that is asked to end in this way once it has created a task."""
    name = how.split("-")[0].lower()
    (folder / f"{name}.yaml").write_text(PAIRS)
    command = [program, "run", f"{name}.yaml", "--mock=day.yaml"]
    if "terminal" in how:
        ours, theirs = pty.openpty()
        # The one that a new session opens first is its terminal.
        run = subprocess.Popen(command, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs,
                               start_new_session=True,
                               preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)))
        os.close(theirs)
        await_task(run, folder / f"{name}.mock.run/tasks.csv")
        os.write(ours, b"\x03")
        return wait(run, ours)
    run = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    await_task(run, folder / f"{name}.mock.run/tasks.csv")
    run.send_signal(signal.Signals[how])
    return run.wait(30)


def await_task(run: subprocess.Popen, csv: Path) -> None:
    end = time.monotonic() + 60
    while not (csv.exists() and ",created," in csv.read_text()):
        if time.monotonic() > end or run.poll() is not None:
            sys.exit("error: the run has created nothing")
        time.sleep(0.05)


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
