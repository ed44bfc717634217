"""A tarball for any Linux, and the list of what is in the programs (CycloneDX).

    packaging/tarball.py [--callsheet FILE] [--mock FILE] [--out FOLDER]
"""

import sbom
from common import ROOT, VERSION, arguments, licences, tarred, write
from manual import completions, pages

SHIPPED = ["README.md", "CHANGELOG.md", "jobs/demo.yaml", "deploy/callsheet@.service"]


def main() -> None:
    callsheet, mock, out = arguments(__doc__)
    name = f"callsheet-{VERSION}-{callsheet.rust}-unknown-linux-gnu"
    files = {f"bin/{program.name}": program.bytes() for program in (callsheet, mock)}
    executable = set(files)
    files |= {f"share/man/man1/{page}": text for page, text in pages(callsheet, mock).items()}
    files |= {f"share/{path}": script for path, script in completions(callsheet).items()}
    files |= {path: (ROOT / path).read_bytes() for path in SHIPPED} | licences()
    document = sbom.document([callsheet, mock]).encode()
    files["callsheet.cdx.json"] = document
    write(out / f"{name}.tar.gz", tarred({f"{name}/{path}": data for path, data in files.items()},
                                         {f"{name}/{path}" for path in executable}))
    write(out / f"{name}.cdx.json", document)


if __name__ == "__main__":
    main()
