#!/bin/sh
# Runs every check of Schemathesis against the fake and the document that it serves.
# usage: mock/check-contract.sh [PYTHON]   where PYTHON has schemathesis installed
set -eu
cd "$(dirname "$0")/.."
root=$PWD
python=$(command -v "${1:-python3}")
scratch=$(mktemp -d)
cargo build --quiet --bin callsheet-mock
target/debug/callsheet-mock --port 0 --port-file "$scratch/port" >"$scratch/log" &
fake=$!
trap 'kill "$fake" 2>/dev/null || true; rm -rf "$scratch"' EXIT
while [ ! -s "$scratch/port" ]; do
    kill -0 "$fake" || { cat "$scratch/log"; exit 1; }
    sleep 0.1
done
url="http://127.0.0.1:$(cat "$scratch/port")"
# It keeps what it finds beside itself; that is none of the repository's business.
cd "$scratch"
"$python" -m schemathesis.cli --config-file "$root/mock/schemathesis.toml" run "$url/openapi.json" \
    --url "$url" --header "Authorization: Bearer mock-key" \
    --checks all --phases examples,coverage,fuzzing,stateful \
    --max-examples 50 --seed 1 --generation-database none --no-color
