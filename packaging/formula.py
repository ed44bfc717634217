"""A Homebrew formula for the source that packaging/make.sh has packed.

    packaging/formula.py FOLDER URL

URL is where the files of FOLDER can be had; the formula is written to FOLDER/callsheet.rb.
"""

import sys
from pathlib import Path

from common import ROOT, VERSION, digest, fail, write


def main() -> None:
    if len(sys.argv) != 3 or not sys.argv[2].startswith(("https://", "file://")):
        fail("expected FOLDER URL, the URL with https")
    folder, url = Path(sys.argv[1]), sys.argv[2].rstrip("/")
    source = folder / f"callsheet-{VERSION}-source.tar.gz"
    formula = (ROOT / "packaging/homebrew/callsheet.rb.in").read_text()
    told = {"@URL@": url, "@FILE@": source.name, "@SHA256@": digest(source.read_bytes())}
    for place, text in told.items():
        formula = formula.replace(place, text)
    write(folder / "callsheet.rb", formula.encode())


if __name__ == "__main__":
    main()
