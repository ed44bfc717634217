#!/usr/bin/env bash
# The programs as they are released. Their bytes do not tell where they were built: two checkouts in
# different folders give the same, with one compiler and one linker (packaging/reproducible.sh).
set -euo pipefail
cd "$(dirname "$0")/.."
cargo_home=${CARGO_HOME:-$HOME/.cargo}
export RUSTFLAGS="${RUSTFLAGS:-} --remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$PWD=/callsheet"
# Of C code: SQLite and ring name their files in messages.
export CFLAGS="${CFLAGS:-} -ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$PWD=/callsheet"
cargo build --profile dist --locked --bin callsheet --bin callsheet-mock "$@"
