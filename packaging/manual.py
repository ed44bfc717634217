"""Manual pages and completions, as the programs print them."""

import re
import tempfile
from pathlib import Path

from common import VERSION, Program, moment

# By the shell: where Debian and the others look for it.
COMPLETIONS = {
    "bash": "bash-completion/completions/callsheet",
    "zsh": "zsh/vendor-completions/_callsheet",
    "fish": "fish/vendor_completions.d/callsheet.fish",
}


def pages(callsheet: Program, mock: Program) -> dict[str, bytes]:
    """Manual pages by file name: those of `callsheet`, one for each command where it has them, and one
    for the fake."""
    if "--dir" in callsheet.says("man", "--help"):
        with tempfile.TemporaryDirectory() as folder:
            callsheet.says("man", "--dir", folder)
            made = {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}
    else:
        made = {"callsheet.1": callsheet.says("man").encode()}
    # `callsheet mock` and the program are one thing.
    return made | {"callsheet-mock.1": of_mock(mock).encode()}


def of_mock(mock: Program) -> str:
    """The fake prints no page: its help, in the form of one."""
    about, *rest = mock.says("--help").splitlines()
    escaped = "\n".join(rest).replace("\\", r"\e").replace("-", r"\-")
    escaped = re.sub(r"^([.'])", r"\\&\1", escaped, flags=re.MULTILINE)
    return (f'.TH CALLSHEET\\-MOCK 1 "{moment():%Y-%m-%d}" "callsheet-mock {VERSION}"\n'
            f".SH NAME\ncallsheet\\-mock \\- {about}\n.SH DESCRIPTION\n.nf\n{escaped}\n.fi\n"
            ".SH SEE ALSO\n.BR callsheet (1)\n")


def completions(callsheet: Program) -> dict[str, bytes]:
    """Scripts by their path below `share`."""
    return {path: callsheet.says("completions", shell).encode()
            for shell, path in COMPLETIONS.items()}
