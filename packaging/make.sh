#!/usr/bin/env bash
# All packages from programs that are built: `packaging/make.sh [FOLDER [CALLSHEET MOCK]]`. The folder is
# target/packages unless said otherwise, and then a new or empty one.
# Two runs give the same bytes: every date in them is SOURCE_DATE_EPOCH, else the last commit's.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/target/packages}
programs=(--callsheet "${2:-$root/target/dist/callsheet}" --mock "${3:-$root/target/dist/callsheet-mock}")
[ $# -gt 0 ] || rm -rf "$out"
mkdir -p "$out"
if [ -n "$(ls -A "$out")" ]; then
    echo "error: $out is not empty" >&2
    exit 1
fi
for script in wheels npm deb tarball; do
    python3 -B "$root/packaging/$script.py" "${programs[@]}" --out "$out"
done
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$root/Cargo.toml" | head -1)
git -C "$root" archive --format=tar --prefix="callsheet-$version/" HEAD |
    gzip -9n >"$out/callsheet-$version-source.tar.gz"
sums=$(cd "$out" && sha256sum -- *)
printf '%s\n' "$sums" >"$out/SHA256SUMS"
