"""Holds a bill of materials to CycloneDX's schema, and to Cargo's list of what is linked."""

import json
import sys
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from notices import linked


def main() -> None:
    text = Path(sys.argv[1]).read_text()
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong:
        sys.exit(f"error: {sys.argv[1]}: {wrong}")
    document = json.loads(text)
    named = {(one["name"], one["version"]) for one in document["components"]}
    lacking = [one["name"] for one in linked() if (one["name"], one["version"]) not in named]
    refs = {one["bom-ref"] for one in document["components"]}
    loose = [ref for one in document["dependencies"] for ref in [one["ref"], *one["dependsOn"]]
             if ref not in refs]
    if lacking or loose or len(refs) < 100:
        sys.exit(f"error: {sys.argv[1]} lacks {lacking}; knows nothing of {loose}; names {len(refs)}")
    print(f"{len(refs)} components, as CycloneDX 1.6 wants them")


if __name__ == "__main__":
    main()
