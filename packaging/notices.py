"""THIRD-PARTY.md: whose code is in the programs, and the licences that go with it."""

import functools
import json
import re
import subprocess
from pathlib import Path

from common import ROOT

LICENCE = re.compile(r"(un)?licen[cs]e|copying|notice|copyright", re.IGNORECASE)
# Where one may choose, the first of these that is there.
CHOICE = ["MIT", "Apache-2.0", "ISC", "Zlib"]
# What comes with a crate of ours and is not our work.
ENCLOSED = {"src/media/face/model/LICENSE": "SeetaFace, the model by which faces are found"}
HEAD = """\
# Third-party notices

`callsheet` and `callsheet-mock` contain the crates below, unchanged, each under the licence that its line
names; where it leaves a choice, the first of MIT, Apache-2.0, ISC and Zlib was taken. The source of each
is at `https://crates.io/crates/NAME/VERSION`: that is also where to get the source of those under the
Mozilla Public License 2.0. SQLite, within `libsqlite3-sys`, is in the public domain.
"""


def cargo(*arguments: str) -> str:
    run = ["cargo", *arguments, "--locked"]
    return subprocess.run(run, check=True, capture_output=True, text=True, cwd=ROOT).stdout


@functools.cache
def metadata() -> dict:
    return json.loads(cargo("metadata", "--format-version", "1"))


@functools.cache
def linked() -> list[dict]:
    """The packages whose code is in the programs, ours left out, by name and version: neither those
    that only help to build, nor those for other systems."""
    tree = ["tree", "--workspace", "--edges", "normal,no-proc-macro", "--prefix", "none"]
    lines = cargo(*tree, "--no-dedupe", "--format", "{p}").splitlines()
    wanted = {tuple(line.split(" ")[:2]) for line in lines if line}
    theirs = [package for package in metadata()["packages"] if package["source"]]
    found = [one for one in theirs if (one["name"], "v" + one["version"]) in wanted]
    return sorted(found, key=lambda one: (one["name"], one["version"]))


def expression(package: dict) -> str:
    """Its licence in SPDX's words; a slash is what `OR` was written as once."""
    return re.sub(r"\s*/\s*", " OR ", package["license"] or "see its text")


def texts(package: dict) -> list[str]:
    """The licences that come with a package, but those that need not be chosen."""
    folder = Path(package["manifest_path"]).parent
    found = [path for path in sorted(folder.rglob("*"))
             if LICENCE.match(path.name) and path.is_file() and path.stat().st_size < 100_000
             and path.suffix not in {".rs", ".toml", ".json"}]
    if " OR " in expression(package) and " AND " not in expression(package):
        notes = [path for path in found if path.name.lower().startswith("notice")]
        for choice in CHOICE:
            chosen = [path for path in found if choice.split("-")[0].lower() in path.name.lower()]
            if choice in expression(package) and chosen:
                found = chosen + notes
                break
    read = (path.read_text(errors="replace").replace("\r\n", "\n").strip() for path in found)
    return [text for text in read if text]


def fenced(text: str) -> str:
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join("    " + line if line else "" for line in lines)


@functools.cache
def text() -> str:
    crates = ["| crate | licence |", "|---|---|"]
    whose: dict[str, list[str]] = {}
    for package in linked():
        name = f"{package['name']} {package['version']}"
        crates.append(f"| {name} | {expression(package)} |")
        own = texts(package)
        if not own:
            by = ", ".join(package["authors"]) or f"the authors of {package['name']}"
            chosen = "Apache" if "MIT" not in expression(package) else "MIT"
            shared = (ROOT / f"LICENSE-{chosen.upper()}").read_text().strip()
            if chosen == "MIT":
                shared = re.sub(r"Copyright .*", f"Copyright (c) {by}", shared, count=1)
            elif "Apache-2.0" not in expression(package):
                shared = f"{expression(package)}, by {by}; no text comes with it."
            own = [shared]
        for one in own:
            whose.setdefault(one, []).append(name)
    for path, name in ENCLOSED.items():
        whose.setdefault((ROOT / path).read_text().strip(), []).append(name)
    parts = [HEAD, "\n".join(crates) + "\n", "## Licences\n"]
    for one, names in sorted(whose.items(), key=lambda item: item[1]):
        parts.append(f"### {', '.join(names)}\n\n{fenced(one)}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    print(text())
