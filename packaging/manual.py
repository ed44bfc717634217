"""Manual pages and completions, as the programs print them."""

import re

from common import VERSION, Program, moment

# By the shell: where Debian and the others look for it.
COMPLETIONS = {
    "bash": "bash-completion/completions/callsheet",
    "zsh": "zsh/vendor-completions/_callsheet",
    "fish": "fish/vendor_completions.d/callsheet.fish",
}


def pages(callsheet: Program, mock: Program) -> dict[str, bytes]:
    """Manual pages by file name: all that `callsheet man` prints, and one for the fake."""
    printed = callsheet.says("man")
    # Each page begins with the same two lines, whether there is one or one for each command.
    begins = [found.start() for found in re.finditer(r"^\.ie \\n\(\.g", printed, re.MULTILINE)]
    ends = begins[1:] + [len(printed)]
    made = {}
    for begin, end in zip(begins, ends, strict=True):
        page = printed[begin:end]
        name = re.search(r"^\.TH \"?([\w-]+)", page, re.MULTILINE).group(1)
        made[f"{name}.1"] = page.encode()
    made["callsheet-mock.1"] = of_mock(mock).encode()
    return made


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
