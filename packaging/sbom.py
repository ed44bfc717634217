"""What the programs are made of, as a CycloneDX document. Made from what Cargo says, with checksums."""

import json
import tomllib
from pathlib import Path

from common import LICENSE, ROOT, VERSION, digest, moment
from notices import expression, linked, metadata


def purl(name: str, version: str) -> str:
    return f"pkg:cargo/{name}@{version}"


def document(programs: list) -> str:
    """The document for these programs: each with its digest, over the crates that are in them."""
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    sums = {(one["name"], one["version"]): one.get("checksum") for one in locked}
    crates = linked()
    known = {one["id"]: purl(one["name"], one["version"]) for one in crates}
    ours = {one["id"]: purl(one["name"], one["version"])
            for one in metadata()["packages"] if not one["source"]}
    known |= ours
    components = [{
        "type": "library", "bom-ref": known[one["id"]], "purl": known[one["id"]],
        "name": one["name"], "version": one["version"],
        "hashes": [{"alg": "SHA-256", "content": sums[one["name"], one["version"]]}],
        "licenses": [{"expression": expression(one)}],
    } for one in crates]
    programs_made = [{
        "type": "application", "bom-ref": f"program:{program.name}", "name": program.name,
        "version": VERSION, "licenses": [{"expression": LICENSE}],
        "hashes": [{"alg": "SHA-256", "content": digest(program.bytes())}],
    } for program in programs]
    roots = [{"type": "library", "bom-ref": ref, "purl": ref, "name": ref.split("/")[1].split("@")[0],
              "version": VERSION, "licenses": [{"expression": LICENSE}]} for ref in ours.values()]
    uses = [{
        "ref": known[node["id"]],
        "dependsOn": sorted({known[dep["pkg"]] for dep in node["deps"] if dep["pkg"] in known
                             and any(kind["kind"] is None for kind in dep["dep_kinds"])}),
    } for node in metadata()["resolve"]["nodes"] if node["id"] in known]
    uses += [{"ref": f"program:{program.name}", "dependsOn": [purl(program.name, VERSION)]}
             for program in programs]
    return json.dumps({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {
            "timestamp": moment().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {"type": "application", "bom-ref": "callsheet", "name": "callsheet",
                          "version": VERSION, "licenses": [{"expression": LICENSE}]},
        },
        "components": sorted(programs_made + roots + components, key=lambda one: one["bom-ref"]),
        "dependencies": sorted(uses, key=lambda one: one["ref"]),
    }, indent=1) + "\n"
