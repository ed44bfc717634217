#!/usr/bin/env bash
# The image of the fake: its last stage built from a program that is there, and run: `packaging/image.sh MOCK`.
# Here it listens on loopback alone; how it is reached through a port that an engine maps is for a test
# of the program (links lead back the way that a client came).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp --directory --tmpdir callsheet-mock-image.XXXXXX)
fake="" container=""
in_store() { buildah --storage-driver vfs --root "$place/store" --runroot "$place/run" "$@"; }
clean_up() {
    if [ -n "$fake" ]; then
        kill -- "-$fake" 2>/dev/null || true
        wait "$fake" || true
    fi
    [ -z "$container" ] || in_store rm "$container" >/dev/null || true
    rm -rf "$place"
}
trap clean_up EXIT

mkdir -p "$place/context/image"
(cd "$root" && deploy/image.sh "$place/context/image" "$1")
{
    printf 'FROM scratch AS build\nCOPY image /image\n'
    sed '/^FROM scratch$/,$!d' "$root/mock/Dockerfile"
} >"$place/Dockerfile"
in_store bud --quiet --format docker --isolation chroot --tag callsheet-mock --file "$place/Dockerfile" \
    "$place/context" >/dev/null
container=$(in_store from --isolation chroot callsheet-mock)
test "$(in_store inspect --format '{{.Docker.Config.Healthcheck.Test}}' "$container")" = \
    '[CMD /usr/local/bin/callsheet-mock ready --wait 1s]'
test "$(in_store inspect --format '{{.Docker.Config.ExposedPorts}}' "$container")" = 'map[4715/tcp:{}]'
inside() { in_store run --isolation chroot "$@"; }
if inside "$container" -- callsheet-mock ready --port-file /work/port --wait 0s 2>/dev/null; then
    echo "error: a fake was ready before it was started" >&2
    exit 1
fi
# In a group of its own: what runs inside ends with all that runs it.
setsid buildah --storage-driver vfs --root "$place/store" --runroot "$place/run" \
    run --isolation chroot "$container" -- callsheet-mock --port 0 --port-file /work/port \
    >"$place/lines" 2>&1 </dev/null &
fake=$!
inside "$container" -- callsheet-mock ready --port-file /work/port --wait 20s
