"""A Debian package: both programs, manual pages, completions, licences, the unit for systemd.

    packaging/deb.py [--callsheet FILE] [--mock FILE] [--out FOLDER]

Needs `dpkg-deb`. Installed with `apt install ./callsheet_VERSION_ARCH.deb`.
"""

import gzip
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from common import (ROOT, VERSION, Files, Program, arguments, digest, dotted, epoch, licences, moment, write)
from manual import completions, pages

# There is no address yet at which people could be reached.
PEOPLE = "callsheet's authors <callsheet@localhost>"
# As Debian wants it: no capital at its beginning, no stop at its end.
SHORT = "makes talking-head videos in bulk, without paying twice"
DESCRIPTION = """\
 It is for people who make them in bulk, by a paid, asynchronous API in which
 a create that is sent twice is paid twice. It can be killed at any instant
 without paying for a pair twice or losing a task.
 .
 With it comes callsheet-mock, a fake of the API for rehearsals and for tests
 of any client."""


def control(programs: list[Program], size: int) -> bytes:
    glibc = dotted(max(program.glibc for program in programs))
    return (f"Package: callsheet\nVersion: {VERSION}\nArchitecture: {programs[0].debian}\n"
            f"Maintainer: {PEOPLE}\nInstalled-Size: {size // 1024 + 1}\n"
            f"Depends: libc6 (>= {glibc}), libgcc-s1\nRecommends: ca-certificates\n"
            f"Section: video\nPriority: optional\nDescription: {SHORT}\n{DESCRIPTION}\n").encode()


def copyright_file() -> bytes:
    """What is whose. Nothing is left to `/usr/share/common-licenses`: all of it stands here."""
    head = ("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n"
            "Upstream-Name: callsheet\n\nFiles: *\n"
            "Copyright: the authors of callsheet, and those of the crates in THIRD-PARTY.md.gz\n"
            "License: MIT or Apache-2.0\n")
    mit = (ROOT / "LICENSE-MIT").read_text().strip()
    shown = "\n".join(" " + (line.rstrip() or ".") for line in mit.splitlines())
    return (f"{head}\nLicense: MIT\n{shown}\n\nLicense: Apache-2.0\n"
            " On Debian systems the text is in /usr/share/common-licenses/Apache-2.0.\n").encode()


def changelog() -> bytes:
    return (f"callsheet ({VERSION}) unstable; urgency=low\n\n  * See CHANGELOG.md.gz.\n\n"
            f" -- {PEOPLE}  {moment():%a, %d %b %Y %H:%M:%S} +0000\n").encode()


def files(callsheet: Program, mock: Program) -> Files:
    doc = "usr/share/doc/callsheet"
    made = {f"usr/bin/{program.name}": program.bytes() for program in (callsheet, mock)}
    packed = {f"usr/share/man/man1/{name}": page for name, page in pages(callsheet, mock).items()}
    packed |= {f"{doc}/changelog": changelog(), f"{doc}/CHANGELOG.md": (ROOT / "CHANGELOG.md").read_bytes(),
               f"{doc}/THIRD-PARTY.md": licences()["THIRD-PARTY.md"]}
    made |= {f"{path}.gz": gzip.compress(data, 9, mtime=0) for path, data in packed.items()}
    made |= {f"usr/share/{path}": script for path, script in completions(callsheet).items()}
    unit = (ROOT / "deploy/callsheet@.service").read_text().replace("/usr/local/bin/", "/usr/bin/")
    return made | {f"{doc}/copyright": copyright_file(), f"{doc}/README.md": (ROOT / "README.md").read_bytes(),
                   f"{doc}/examples/demo.yaml": (ROOT / "jobs/demo.yaml").read_bytes(),
                   f"{doc}/examples/callsheet@.service": unit.encode()}


def main() -> None:
    callsheet, mock, out = arguments(__doc__)
    if not shutil.which("dpkg-deb"):
        raise SystemExit("error: dpkg-deb is not there: apt install dpkg")
    name = f"callsheet_{VERSION}_{callsheet.debian}.deb"
    with tempfile.TemporaryDirectory() as scratch:
        root, content = Path(scratch) / "root", files(callsheet, mock)
        sums = "".join(f"{digest(data, 'md5')}  {path}\n" for path, data in sorted(content.items()))
        size = sum(len(data) for data in content.values())
        content["DEBIAN/control"] = control([callsheet, mock], size)
        content["DEBIAN/md5sums"] = sums.encode()
        for path, data in content.items():
            place = root / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            place.chmod(0o755 if path.startswith("usr/bin/") else 0o644)
        for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
            folder.chmod(0o755)
        environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch())}
        build = ["dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", str(root)]
        made = Path(scratch) / name
        subprocess.run([*build, str(made)], check=True, env=environment, stdout=subprocess.DEVNULL)
        write(out / name, made.read_bytes())


if __name__ == "__main__":
    main()
