#!/usr/bin/env bash
# An array of workers on one batch: `sbatch --array=1-20 deploy/slurm.sh spring.yaml`, with
# CALLSHEET_API_KEY and CALLSHEET_LEDGER in the environment. Each keeps its run folder on the node's own
# disk: a shared home is a network's disk, on which a ledger can lose what was paid.
#SBATCH --job-name=callsheet
#SBATCH --cpus-per-task=1
#SBATCH --mem=256M
#SBATCH --requeue
# Longer before the end than a create may take: its answer is worth money.
#SBATCH --signal=TERM@180

set -uo pipefail
manifest=${1:?the manifest}
name=$(basename "$manifest")
job=${SLURM_ARRAY_JOB_ID:-${SLURM_JOB_ID:-0}}
task=${SLURM_ARRAY_TASK_ID:-0}
folder=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/${name%.*}-$job-$task.run

srun callsheet run "$manifest" --out "$folder" --exit-zero-on 5 --yes
code=$?

case $code in
# Work is left, and the same command goes on with it.
4) scontrol requeue "${job}_$task" ;;
# A person has to change something: nobody else needs to find that out.
2 | 6 | 7 | 8) scancel "$job" ;;
esac
exit "$code"
