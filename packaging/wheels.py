"""Two Python wheels: `callsheet`, which puts both programs on the path, and the pytest plugin
`pytest-callsheet-mock`, which has the fake inside.

    packaging/wheels.py [--callsheet FILE] [--mock FILE] [--out FOLDER]
"""

import base64
import hashlib

from common import (LICENSE, ROOT, SUMMARY, VERSION, Files, Program, arguments, dotted, licences,
                    write, zipped)

PLUGIN = ROOT / "packaging/python/pytest_callsheet_mock"
PLUGIN_SUMMARY = "A pytest fixture: a fake of the omnihuman-1.5 video API that can lose answers"


def platform(programs: list[Program]) -> str:
    """Where it can be installed: on any Linux whose glibc has what the programs need."""
    glibc = max(program.glibc for program in programs)
    return f"manylinux_{glibc[0]}_{glibc[1]}_{programs[0].rust}"


def metadata(name: str, summary: str, about: str, classifiers: list[str], more: list[str]) -> bytes:
    lines = ["Metadata-Version: 2.4", f"Name: {name}", f"Version: {VERSION}", f"Summary: {summary}",
             f"License-Expression: {LICENSE}", *(f"License-File: {file}" for file in licences()),
             "Classifier: Operating System :: POSIX :: Linux",
             *(f"Classifier: {classifier}" for classifier in classifiers), *more,
             "Description-Content-Type: text/markdown"]
    return ("\n".join(lines) + "\n\n" + about).encode()


def wheel(name: str, files: Files, about: bytes, tag: str, executable: set[str],
          entry_points: str = "") -> tuple[str, bytes]:
    """A wheel's file name and bytes."""
    info = f"{name}-{VERSION}.dist-info"
    files = dict(sorted(files.items()))
    files[f"{info}/METADATA"] = about
    files[f"{info}/WHEEL"] = ("Wheel-Version: 1.0\nGenerator: callsheet-packaging\n"
                              f"Root-Is-Purelib: false\nTag: {tag}\n").encode()
    if entry_points:
        files[f"{info}/entry_points.txt"] = entry_points.encode()
    for licence, text in licences().items():
        files[f"{info}/licenses/{licence}"] = text
    record = []
    for path, data in files.items():
        told = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        record.append(f"{path},sha256={told},{len(data)}")
    files[f"{info}/RECORD"] = ("\n".join([*record, f"{info}/RECORD,,"]) + "\n").encode()
    return f"{name}-{VERSION}-{tag}.whl", zipped(files, executable)


def of_programs(programs: list[Program]) -> tuple[str, bytes]:
    scripts = f"callsheet-{VERSION}.data/scripts"
    files = {f"{scripts}/{program.name}": program.bytes() for program in programs}
    about = (ROOT / "packaging/python/callsheet.md").read_text()
    told = metadata("callsheet", SUMMARY, about, ["Environment :: Console"], ["Requires-Python: >=3.8"])
    return wheel("callsheet", files, told, f"py3-none-{platform(programs)}", set(files))


def of_plugin(mock: Program) -> tuple[str, bytes]:
    files = {f"pytest_callsheet_mock/{path.name}": path.read_bytes()
             for path in PLUGIN.iterdir() if path.is_file()}
    program = f"pytest_callsheet_mock/bin/{mock.name}"
    files[program] = mock.bytes()
    about = (ROOT / "packaging/python/pytest-callsheet-mock.md").read_text()
    told = metadata("pytest-callsheet-mock", PLUGIN_SUMMARY, about,
                    ["Framework :: Pytest", "Typing :: Typed"],
                    ["Requires-Python: >=3.9", "Requires-Dist: pytest>=7"])
    points = "[pytest11]\ncallsheet_mock = pytest_callsheet_mock.plugin\n"
    return wheel("pytest_callsheet_mock", files, told, f"py3-none-{platform([mock])}", {program},
                 points)


def main() -> None:
    callsheet, mock, out = arguments(__doc__)
    print(f"glibc {dotted(max(callsheet.glibc, mock.glibc))} or newer")
    for name, data in (of_programs([callsheet, mock]), of_plugin(mock)):
        write(out / name, data)


if __name__ == "__main__":
    main()
