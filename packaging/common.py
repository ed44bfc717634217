"""What all packages share: the programs that go into them, and how files are written so that two
builds give the same bytes. Python 3.11 and its standard library."""

import argparse
import gzip
import hashlib
import io
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANIFEST = tomllib.loads((ROOT / "Cargo.toml").read_text())
VERSION = MANIFEST["workspace"]["package"]["version"]
LICENSE = MANIFEST["workspace"]["package"]["license"]
SUMMARY = MANIFEST["package"]["description"]
SUMMARY_MOCK = tomllib.loads((ROOT / "mock/Cargo.toml").read_text())["package"]["description"]
LICENCE_FILES = ["LICENSE-APACHE", "LICENSE-MIT"]

# The oldest glibc that the documentation promises: docs/installing.md. Debian 12, Ubuntu 22.04, RHEL 9.
OLDEST_GLIBC = (2, 34)
# What a program may need of the system; all of it comes with glibc and the compiler's runtime.
LIBRARIES = re.compile(r"lib(c|m|gcc_s|pthread|dl|rt)\.so\.\d|ld-linux-[\w-]+\.so\.\d")
# By the name that `readelf` gives a machine: Rust's, Debian's, Node's.
MACHINES = {
    "Advanced Micro Devices X86-64": ("x86_64", "amd64", "x64"),
    "AArch64": ("aarch64", "arm64", "arm64"),
}


def fail(message: str) -> None:
    sys.exit(f"error: {message}")


def epoch() -> int:
    """The moment that all files in the packages carry, in seconds of unix time."""
    told = os.environ.get("SOURCE_DATE_EPOCH")
    if told:
        return int(told)
    commit = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    return int(subprocess.run(commit, check=True, capture_output=True, text=True).stdout)


def moment() -> datetime:
    return datetime.fromtimestamp(epoch(), UTC)


class Program:
    """A built program, and what it needs of the machine that it runs on."""

    def __init__(self, path: Path):
        self.path, self.name = path, path.name
        if not path.is_file():
            fail(f"{path} is not there: cargo build --profile dist --bins")
        self.machine = self._read("--file-header", r"Machine:\s+(.+)")[0].strip()
        if self.machine not in MACHINES:
            fail(f"{path} is for {self.machine}, of which packages know no name")
        self.rust, self.debian, self.node = MACHINES[self.machine]
        symbols = self._read("--version-info", r"GLIBC_(\d+)\.(\d+)")
        self.glibc = max((int(major), int(minor)) for major, minor in symbols)
        self.needs = self._read("--dynamic", r"\(NEEDED\).*\[(.+)\]")
        if self.glibc > OLDEST_GLIBC:
            fail(f"{path} needs glibc {dotted(self.glibc)}; docs/installing.md promises "
                 f"{dotted(OLDEST_GLIBC)}: build it on an older system")
        others = [name for name in self.needs if not LIBRARIES.fullmatch(name)]
        if others:
            fail(f"{path} needs {', '.join(others)}, which not every system has")

    def _read(self, what: str, pattern: str) -> list:
        read = ["readelf", "--wide", what, str(self.path)]
        said = subprocess.run(read, check=True, capture_output=True, text=True).stdout
        return re.findall(pattern, said)

    def bytes(self) -> bytes:
        return self.path.read_bytes()

    def says(self, *arguments: str) -> str:
        """What it prints, told nothing by the environment."""
        run = [str(self.path.resolve()), *arguments]
        return subprocess.run(run, check=True, capture_output=True, text=True, env={}).stdout


def dotted(version: tuple) -> str:
    return ".".join(str(part) for part in version)


def arguments(about: str) -> tuple[Program, Program, Path]:
    """The two programs, and the folder for what is made."""
    told = argparse.ArgumentParser(description=about)
    told.add_argument("--callsheet", type=Path, default=ROOT / "target/dist/callsheet")
    told.add_argument("--mock", type=Path, default=ROOT / "target/dist/callsheet-mock")
    told.add_argument("--out", type=Path, default=ROOT / "target/packages")
    told = told.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    return Program(told.callsheet), Program(told.mock), told.out


def licences() -> dict[str, bytes]:
    """The project's own licences, and what is owed to those whose code is in the programs."""
    import notices  # It needs what is here.

    texts = {name: (ROOT / name).read_bytes() for name in LICENCE_FILES}
    return texts | {"THIRD-PARTY.md": notices.text().encode()}


def digest(data: bytes, how: str = "sha256") -> str:
    return hashlib.new(how, data).hexdigest()


# Files by their path in a package; what is executable says so.
Files = dict[str, bytes]


def zipped(files: Files, executable: set[str]) -> bytes:
    """The order is that of `files`, as wheels want theirs last."""
    # The oldest moment that a ZIP can hold.
    date = max(moment(), datetime(1980, 1, 1, tzinfo=UTC)).timetuple()[:6]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path, data in files.items():
            entry = zipfile.ZipInfo(path, date)
            entry.compress_type, entry.create_system = zipfile.ZIP_DEFLATED, 3
            entry.external_attr = (0o100755 if path in executable else 0o100644) << 16
            archive.writestr(entry, data)
    return made.getvalue()


def tarred(files: Files, executable: set[str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path, data in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mtime = len(data), epoch()
            entry.mode = 0o755 if path in executable else 0o644
            archive.addfile(entry, io.BytesIO(data))
    return gzip.compress(made.getvalue(), 9, mtime=0)


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    print(f"{path.name}  {len(data) / 1e6:.1f} MB  sha256 {digest(data)}")
