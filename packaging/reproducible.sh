#!/usr/bin/env bash
# Builds this commit in two new folders, each from nothing, and compares the programs. Takes twice as
# long as a build, so it is no part of CI: `packaging/reproducible.sh`.
set -euo pipefail
cd "$(dirname "$0")/.."
place=$(mktemp --directory --tmpdir callsheet-twice.XXXXXX)
trap 'rm -rf "$place"' EXIT
for name in one another/folder; do
    mkdir -p "$place/$name"
    git archive HEAD | tar -x -C "$place/$name"
    "$place/$name/packaging/build.sh"
done
for program in callsheet callsheet-mock; do
    cmp "$place/one/target/dist/$program" "$place/another/folder/target/dist/$program"
    sha256sum "$place/one/target/dist/$program" | sed "s|$place/one/||"
done
