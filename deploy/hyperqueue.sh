#!/usr/bin/env bash
# Twenty workers on one batch: `deploy/hyperqueue.sh spring.yaml 20`, with CALLSHEET_API_KEY and
# CALLSHEET_LEDGER in the environment of the HyperQueue workers. HyperQueue starts a task again only when
# its worker was lost, so each goes on by itself while there is work left.
set -euo pipefail
manifest=$(realpath "${1:?the manifest}")

# shellcheck disable=SC2016 # Expanded where it runs.
hq submit --name callsheet --array "1-${2:-1}" --cpus 1 --crash-limit 20 -- \
    bash -c '
        name=$(basename "$1" .yaml)
        until callsheet run "$1" --out "${TMPDIR:-/tmp}/$name-$HQ_JOB_ID-$HQ_TASK_ID.run" --exit-zero-on 5 --yes; do
            code=$?
            case $code in 1 | 4 | 11) sleep 60 ;; *) exit "$code" ;; esac
        done' callsheet "$manifest"
