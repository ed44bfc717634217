#!/usr/bin/env bash
# The image's last stage, built from programs that are there and run: `tests/engines/image.sh PROGRAM…`.
# The stage before it needs a registry's image, and is linted only.
set -euo pipefail
cd "$(dirname "$0")/../.."

place=$(mktemp --directory --tmpdir callsheet-image.XXXXXX)
fake="" names="" container=""
in_store() { buildah --storage-driver vfs --root "$place/store" --runroot "$place/run" "$@"; }
clean_up() {
    for process in $fake $names; do kill "$process" 2>/dev/null || true; done
    [ -z "$container" ] || in_store rm "$container" >/dev/null || true
    rm -rf "$place"
}
trap clean_up EXIT

mkdir -p "$place/context/image" "$place/batch"
deploy/image.sh "$place/context/image" "$@"
{
    printf 'FROM scratch AS build\nCOPY image /image\n'
    sed '/^FROM scratch$/,$!d' Dockerfile
} >"$place/Dockerfile"
in_store bud --quiet --isolation chroot --tag callsheet --file "$place/Dockerfile" "$place/context" >/dev/null
container=$(in_store from --isolation chroot --dns 127.0.0.77 callsheet)
inside() { in_store run --isolation chroot "$@"; }

test "$(in_store inspect --format '{{.OCIv1.Config.User}}' "$container")" = 10001:10001
version=$(inside "$container" -- callsheet --version)
test "$version" = "$("$1" --version)"
inside "$container" -- callsheet-mock --version
du -sh "$place/context/image" | cut -f1

# A rehearsal, by nobody in particular, in a folder that belongs to them.
cp jobs/demo.yaml "$place/batch/"
inside --volume "$place/batch:/batch:ro" "$container" -- \
    callsheet run /batch/demo.yaml --mock --out /work/demo.run
test "$(wc -l <"$(in_store mount "$container")/work/demo.run/tasks.csv")" -eq 6

# A name that only a name server knows: glibc looks it up with what is in the image.
"$1" mock --quiet --port 0 --port-file "$place/port" --key of-the-image &
fake=$!
python3 tests/engines/names.py 127.0.0.77 fake.example.test 127.0.0.1 &
names=$!
for _ in $(seq 100); do
    [ -s "$place/port" ] && break
    sleep 0.1
done
run_by_name() {
    inside --volume "$place/batch:/batch:ro" --env CALLSHEET_API_KEY=of-the-image "$container" -- \
        callsheet run /batch/demo.yaml --yes --allow-http --poll-interval 200ms --retry-for 2s \
        --endpoint "http://$1:$(cat "$place/port")" --out "/work/$1.run"
}
run_by_name fake.example.test
! run_by_name nobody.example.test || { echo "a name that nobody has was found" >&2; exit 1; }
