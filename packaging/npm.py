"""Four npm packages: `callsheet` (`npx callsheet`) and `callsheet-mock` (the fake, with an API for tests),
and for each the program for one platform, which npm brings along where it fits.

    packaging/npm.py [--callsheet FILE] [--mock FILE] [--out FOLDER]
"""

import json

from common import (LICENSE, ROOT, SUMMARY, SUMMARY_MOCK, VERSION, Files, Program, arguments,
                    licences, tarred, write)

NPM = ROOT / "packaging/npm"


def tarball(manifest: dict, files: Files, executable: set[str]) -> bytes:
    told = {"version": VERSION, "license": LICENSE, "engines": {"node": ">=18"}}
    files = files | licences() | {"package.json": (json.dumps(manifest | told, indent=2) + "\n").encode()}
    return tarred({f"package/{path}": data for path, data in files.items()},
                  {f"package/{path}" for path in executable})


def platform(program: Program, summary: str) -> tuple[str, bytes]:
    """The program itself, for one platform."""
    name = f"{program.name}-linux-{program.node}"
    manifest = {"name": name, "description": f"{summary} (the program for Linux, {program.rust})",
                "os": ["linux"], "cpu": [program.node], "libc": ["glibc"],
                "preferUnplugged": True}
    path = f"bin/{program.name}"
    return name, tarball(manifest, {path: program.bytes()}, {path})


def face(program: Program, summary: str, platforms: list[str], files: Files, more: dict) -> bytes:
    """What people ask for by its name."""
    own = {path: (NPM / path).read_text().replace("@NAME@", program.name).encode()
           for path in ("program.js", "run.js")}
    readme = {"README.md": (NPM / program.name / "README.md").read_bytes()}
    manifest = {"name": program.name, "description": summary, "type": "module",
                "bin": {program.name: "run.js"},
                "optionalDependencies": {name: VERSION for name in platforms}} | more
    return tarball(manifest, own | readme | files, {"run.js"})


def main() -> None:
    callsheet, mock, out = arguments(__doc__)
    folder = NPM / "callsheet-mock"
    api = {name: (folder / name).read_bytes() for name in ("index.js", "index.d.ts")}
    exports = {"exports": {".": {"types": "./index.d.ts", "default": "./index.js"}},
               "types": "index.d.ts", "keywords": ["mock", "testing", "video", "omnihuman"]}
    for program, summary, files, more in [(callsheet, SUMMARY, {}, {}), (mock, SUMMARY_MOCK, api, exports)]:
        name, data = platform(program, summary)
        write(out / f"{name}-{VERSION}.tgz", data)
        write(out / f"{program.name}-{VERSION}.tgz", face(program, summary, [name], files, more))


if __name__ == "__main__":
    main()
