#!/usr/bin/env bash
# Installs what callsheet is compared with, from Debian's packages, PyPI, npm and crates.io alone:
# into target/peers, but for Debian's packages. Once: what is there stays.
#
# oha and hurl are built from source, ten minutes on two cores. A peer that cannot be installed is
# said, and `cargo bench --bench peers` names it as missing.
set -uo pipefail
cd "$(dirname "$0")/../.."

peers="$PWD/target/peers"
mkdir -p "$peers"
missing=()
try() { echo "==> $1"; shift; "$@" || missing+=("$*"); }

debian() {
    local sudo packages=(pkg-config libxml2-dev libclang-dev) # for building hurl
    command -v curl >/dev/null || packages+=(curl)
    command -v parallel >/dev/null || packages+=(parallel)
    command -v python3 >/dev/null || packages+=(python3-venv)
    command -v npm >/dev/null || packages+=(nodejs npm)
    sudo=$(command -v sudo || true)
    $sudo apt-get -qq update
    $sudo apt-get -qq install --yes --no-install-recommends "${packages[@]}" >/dev/null
}

aiohttp() {
    [ -x "$peers/aiohttp/bin/python" ] && return
    python3 -m venv "$peers/aiohttp" &&
        "$peers/aiohttp/bin/pip" install --quiet --disable-pip-version-check aiohttp==3.14.5
}

undici() {
    [ -d "$peers/undici/node_modules/undici" ] ||
        npm install --silent --no-fund --no-audit --prefix "$peers/undici" undici@7.30.2
}

crate() {
    [ -x "$peers/bin/$1" ] ||
        nice cargo install --quiet --locked --root "$peers" --target-dir "$peers/build" "$1@$2"
}

try "Debian's packages" debian
try "aiohttp" aiohttp
try "undici" undici
try "oha" crate oha 1.16.0
try "hurl" crate hurl 8.0.1
rm -rf "$peers/build"
[ ${#missing[@]} -eq 0 ] || { printf 'not installed: %s\n' "${missing[@]}"; exit 1; }
