"""Holds a program and the documentation to the oldest glibc, and that check to a program that fails it."""

import sys
from pathlib import Path

import common


def main() -> None:
    program, page = common.Program(Path(sys.argv[1])), Path(sys.argv[2]).read_text()
    said = f"glibc {common.dotted(common.OLDEST_GLIBC)}"
    if said not in page:
        common.fail(f"{sys.argv[2]} does not say {said}")
    common.OLDEST_GLIBC = (program.glibc[0], program.glibc[1] - 1)
    try:
        common.Program(program.path)
    except SystemExit as refused:
        print(refused)
        return
    common.fail("a program that needs more than is promised was not refused")


if __name__ == "__main__":
    main()
