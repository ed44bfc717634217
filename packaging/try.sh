#!/usr/bin/env bash
# Installs each package of a folder into an empty place and runs what is in it:
# `packaging/try.sh FOLDER TOOLS`. TOOLS is a Python with what judges: see `.ci/run`.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
packages=$(cd "$1" && pwd)
tools=$(cd "$2" && pwd)
place=$(mktemp --directory --tmpdir callsheet-packages.XXXXXX)
trap 'rm -rf "$place"' EXIT
began=$SECONDS
say() { printf -- '--- [%d s] %s\n' "$((SECONDS - began))" "$*"; }
# Nothing of this machine's may stand in for what a package lacks.
bare() { env --ignore-environment PATH="$1:/usr/bin:/bin" HOME="$place/home" LANG=C.UTF-8 "${@:2}"; }
mkdir "$place/home"

# A rehearsal with the program that the path leads to, in an empty folder.
rehearse() {
    local folder
    folder=$(mktemp --directory "$place/batch.XXXXXX")
    cp "$root/jobs/demo.yaml" "$folder"
    (cd "$folder" && bare "$1" callsheet run demo.yaml --mock --quiet >/dev/null)
    test "$(wc -l <"$folder/demo.mock.run/tasks.csv")" -eq 6
    test "$(find "$folder/demo.mock.run/videos" -name '*.mp4' | wc -l)" -eq 5
}

say "checksums, and a file that was changed"
(cd "$packages" && sha256sum --check --quiet SHA256SUMS)
mkdir "$place/changed"
cp "$packages"/callsheet-mock-0*.tgz "$packages/SHA256SUMS" "$place/changed"
printf x >>"$(ls "$place"/changed/*.tgz)"
if (cd "$place/changed" && sha256sum --check --quiet --ignore-missing SHA256SUMS >/dev/null 2>&1); then
    echo "error: a file that was changed was not found" >&2
    exit 1
fi

say "Python wheel: $(basename "$packages"/callsheet-*.whl)"
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check --no-index "$packages"/callsheet-*.whl
rehearse "$place/venv/bin"
bare "$place/venv/bin" callsheet-mock --version
test "$(find "$place/venv" -path '*callsheet-*.dist-info/licenses/*' -type f | wc -l)" -eq 3
"$place/venv/bin/pip" uninstall --quiet --yes callsheet
test ! -e "$place/venv/bin/callsheet"

say "pytest plugin, with requests as the client"
"$tools/bin/pip" install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall \
    "$packages"/pytest_callsheet_mock-*.whl
cp "$root/packaging/python/examples/test_client.py" "$place"
(cd "$place" && "$tools/bin/python" -B -m pytest -p no:cacheprovider --quiet test_client.py)
"$tools/bin/mypy" --strict --cache-dir "$place/mypy" --package pytest_callsheet_mock
"$tools/bin/mypy" --cache-dir "$place/mypy" "$place/test_client.py"

say "npm packages, with fetch as the client"
mkdir "$place/npm"
export npm_config_update_notifier=false
npm --prefix "$place/npm" --cache "$place/npm-cache" install --offline --no-audit --no-fund --silent \
    "$packages"/callsheet{,-mock}{-linux-*,-[0-9]*}.tgz
rehearse "$place/npm/node_modules/.bin"
cp "$root/packaging/npm/examples"/* "$place/npm"
(cd "$place/npm" && bare "$(dirname "$(command -v node)")" npx --offline --no -- callsheet-mock --version) |
    grep '^callsheet-mock '
(cd "$place/npm" && node --test client.test.mjs)
npm --prefix "$place/npm" install --no-audit --no-fund --silent --no-save typescript@5.9.3
(cd "$place/npm" && node_modules/.bin/tsc --noEmit --strict --module nodenext --target es2022 typed.ts)
python3 -B "$root/packaging/npm/interrupted.py" "$place/npm/node_modules/.bin/callsheet" "$place/npm"

say "Debian package, installed into an empty root"
mkdir -p "$place/root/var/lib/dpkg/"{info,updates,triggers}
touch "$place/root/var/lib/dpkg/"{status,available}
in_root() { dpkg --root="$place/root" --force-not-root --force-script-chrootless --log=/dev/null "$@"; }
# What it depends on is not in an empty root: what runs below is this system's.
in_root --force-depends --install "$packages"/callsheet_*.deb >/dev/null 2>&1
in_root --status callsheet | grep --quiet '^Status: install ok installed$'
rehearse "$place/root/usr/bin"
bare "$place/root/usr/bin" callsheet-mock --version
for page in "$place"/root/usr/share/man/man1/*.gz; do
    gzip --decompress --stdout "$page" >"$place/page"
    grep -q '^\.SH NAME' "$place/page"
    test -z "$(groff -K utf8 -T utf8 -man -ww -z "$place/page" 2>&1)"
done
bash -n "$place/root/usr/share/bash-completion/completions/callsheet"
for file in copyright changelog.gz THIRD-PARTY.md.gz README.md examples/demo.yaml; do
    test -s "$place/root/usr/share/doc/callsheet/$file"
done
# Besides: it is built outside Debian, and has no maintainer's address yet.
lintian --allow-root --fail-on error,warning \
    --suppress-tags bogus-mail-host,bogus-mail-host-in-debian-changelog,initial-upload-closes-no-bugs \
    "$packages"/callsheet_*.deb
in_root --purge callsheet >/dev/null
test "$(find "$place/root/usr" -type f | wc -l)" -eq 0

say "tarball, and what is in it"
tar --extract --directory "$place" --file "$(ls "$packages"/callsheet-*-linux-gnu.tar.gz)"
rehearse "$(echo "$place"/callsheet-*-linux-gnu)/bin"
"$tools/bin/python" -B "$root/packaging/judge_sbom.py" "$packages"/callsheet-*.cdx.json

say "programs do not tell where they were built, or by whom"
for program in "$place"/callsheet-*-linux-gnu/bin/*; do
    for folder in "$root/" "${CARGO_HOME:-$HOME/.cargo}/"; do
        if grep --quiet --text --fixed-strings "$folder" "$program"; then
            echo "error: $program tells of $folder: was it built by packaging/build.sh?" >&2
            exit 1
        fi
    done
done

say "Homebrew formula and Nix files: read, and built nowhere here"
python3 -B "$root/packaging/formula.py" "$packages" https://downloads.example.com/callsheet
ruby -c "$packages/callsheet.rb"
grep -q "$(sha256sum <"$(ls "$packages"/callsheet-*-source.tar.gz)" | cut -d' ' -f1)" "$packages/callsheet.rb"
rm "$packages/callsheet.rb"
for file in "$root"/packaging/nix/*.nix; do nix-instantiate --parse "$file" >/dev/null; done

say "the oldest glibc is the one that is promised, and a newer one is refused"
python3 -B "$root/packaging/judge_glibc.py" "$place"/callsheet-*-linux-gnu/bin/callsheet "$root/docs/installing.md"
