#!/usr/bin/env bash
# A real Slurm on this machine, a PostgreSQL and the fake: an array of `deploy/slurm.sh` is requeued by its
# exit code, one of its tasks is cancelled, and every pair is paid for once. As root:
# `tests/engines/slurm.sh PROGRAM`.
set -euo pipefail
cd "$(dirname "$0")/../.."

program=$(realpath "$1")
place=$(mktemp --directory /tmp/callsheet-slurm.XXXXXX)
processes=()
postgres=$(find /usr/lib/postgresql -name bin | sort | tail -n 1)
as() { setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"; }
clean_up() {
    [ -z "${SLURM_CONF-}" ] || scancel --user root 2>/dev/null || true
    for pid in "${processes[@]}" $(cat "$place"/*.pid "$place/munge/munged.pid" 2>/dev/null); do
        kill "$pid" 2>/dev/null || true
    done
    (cd / && as postgres "$postgres/pg_ctl" -D "$place/data" -m immediate stop >/dev/null) || true
    rm -rf "$place"
}
trap clean_up EXIT
# Waits until a command succeeds.
until_is() {
    for _ in $(seq 150); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.2
    done
    echo "in vain: $*" >&2
    tail -n 20 "$place"/*.log "$place"/*.out >&2 || true
    return 1
}

chmod 755 "$place"
install -d -o postgres "$place/data" "$place/socket"
(
    cd /
    as postgres "$postgres/initdb" -A trust -U callsheet -N -D "$place/data" >/dev/null
    as postgres "$postgres/pg_ctl" -w -D "$place/data" -l "$place/data/log" \
        -o "-c listen_addresses='' -k $place/socket" start >/dev/null
)

install -d -o munge "$place/munge"
head -c 1024 /dev/urandom | install -o munge -m 400 /dev/stdin "$place/munge/key"
as munge /usr/sbin/munged --key-file="$place/munge/key" --socket="$place/munge/socket" \
    --pid-file="$place/munge/munged.pid" --log-file="$place/munge/log" --seed-file="$place/munge/seed"

export SLURM_CONF=$place/slurm.conf
host=$(hostname -s)
cat >"$SLURM_CONF" <<CONF
ClusterName=callsheet
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$place/munge/socket
SlurmUser=root
SlurmdUser=root
SlurmctldPort=26817
SlurmdPort=26818
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
JobRequeue=1
KillWait=5
MinJobAge=300
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=2000 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:8
CONF
slurmctld -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
is_idle() { [ "$(sinfo --noheader --format %T)" = idle ]; }
until_is is_idle

printf 'latency: {fixed: 300ms}\nwork: {elapsed: 2s}\n' >"$place/day.yaml"
"$program" mock --quiet --port 0 --port-file "$place/port" --key of-the-array --book "$place/book" \
    --scenario "$place/day.yaml" >/dev/null 2>&1 &
processes+=($!)
until_is test -s "$place/port"
{
    printf 'version: 1\nconcurrency: 2\npairs:\n'
    for n in $(seq 60); do
        echo "  - {id: pair-$n, image: 'https://a.example/$n.jpg', audio: 'https://a.example/$n.mp3'}"
    done
} >"$place/spring.yaml"

install -d "$place/bin" "$place/node"
ln -s "$program" "$place/bin/callsheet"
PATH=$place/bin:$PATH
CALLSHEET_ENDPOINT="http://127.0.0.1:$(cat "$place/port")"
export CALLSHEET_ENDPOINT CALLSHEET_API_KEY=of-the-array
export CALLSHEET_LEDGER="host=$place/socket user=callsheet dbname=postgres"
export TMPDIR=$place/node CALLSHEET_LEASE=6s CALLSHEET_POLL_INTERVAL=500ms
# Each run ends with work left, as at the end of a job's time.
export CALLSHEET_WAIT_FOR=4s

job=$(sbatch --parsable --array=1-3 --open-mode=append --output="$place/%A_%a.out" deploy/slurm.sh "$place/spring.yaml")
field() { scontrol --oneliner show job "${job}_$1" | grep -o " $2=[^ ]*" | cut -d= -f2; }
is() { [ "$(field "$1" "$2")" = "$3" ]; }

# The second is cancelled while it creates; what it leaves behind the others take up.
has_begun() { test -s "$place/${job}_2.out" && [ "$(wc -l <"$place/book")" -ge 6 ]; }
until_is has_begun
scancel "${job}_2"
until_is is 2 JobState CANCELLED

# The others end with 4 and requeue themselves, each itself alone.
for task in 1 3; do
    until_is is "$task" Restarts 1
done
if is 2 Restarts 1; then exit 1; fi
# Slurm holds back for two minutes what is requeued. At once would be too soon: the node still ends what ran
# before.
release() {
    for task in 1 3; do
        if is "$task" JobState PENDING; then scontrol update jobid="${job}_$task" starttime=now; fi
    done
}
are_done() { is 1 JobState COMPLETED && is 3 JobState COMPLETED; }
for _ in $(seq 20); do
    sleep 3
    are_done && break
    release
done
until_is are_done

"$program" status "$place/spring.yaml" --out "$place/looking.run" --ledger "$CALLSHEET_LEDGER"
python3 - "$place/book" <<'PYTHON'
import collections, json, sys

pairs = [json.loads(line)["request"]["image_url"] for line in open(sys.argv[1])]
twice = [pair for pair, times in collections.Counter(pairs).items() if times > 1]
print(f"{len(pairs)} creates accepted for {len(set(pairs))} pairs")
sys.exit(f"paid twice: {twice}" if twice or len(set(pairs)) < 55 else 0)
PYTHON
grep -h 'saved' "$place/$job"_*.out | tail -3
