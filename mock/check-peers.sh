#!/bin/sh
# Lets tools of others look at the fake and its contract: two linters, a proxy between the runner and the
# fake that holds what passes to the contract, and a pact of what the runner needs.
# usage: mock/check-peers.sh CALLSHEET NODE_MODULES PYTHON
#   CALLSHEET     the runner
#   NODE_MODULES  has @stoplight/spectral-cli, @redocly/cli and @stoplight/prism-cli
#   PYTHON        has pact-python
set -eu
callsheet=$(realpath "$1")
tools=$(realpath "$2")/.bin
python=$(command -v "$3")
cd "$(dirname "$0")/.."
root=$PWD
export no_proxy=127.0.0.1 REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true PACT_DO_NOT_TRACK=true
scratch=$(mktemp -d)
started=
trap 'kill $started 2>/dev/null || true; rm -rf "$scratch"' EXIT

echo 'extends: spectral:oas' >"$scratch/ruleset.yaml"
"$tools/spectral" lint --quiet --fail-severity=hint --ruleset "$scratch/ruleset.yaml" mock/openapi.yaml
"$tools/redocly" lint mock/openapi.yaml

cargo build --quiet --bin callsheet-mock

# usage: fake NAME SCENARIO; sets `url`
fake() {
    target/debug/callsheet-mock --port 0 --port-file "$scratch/$1" --scenario "$2" >"$scratch/$1.log" &
    started="$started $!"
    while [ ! -s "$scratch/$1" ]; do
        kill -0 "$!" || { cat "$scratch/$1.log"; exit 1; }
        sleep 0.1
    done
    url="http://127.0.0.1:$(cat "$scratch/$1")"
}

# usage: prism PORT URL; before a fake, answering 500 where either side breaks the contract
prism() {
    "$tools/prism" proxy "$root/mock/openapi.yaml" "$2" --errors --host 127.0.0.1 --port "$1" >"$scratch/prism.log" &
    started="$started $!"
    tries=0
    until [ "$(ask "http://127.0.0.1:$1/" | head -n 1)" != 0 ]; do
        tries=$((tries + 1))
        [ "$tries" -lt 100 ] || { cat "$scratch/prism.log"; exit 1; }
        sleep 0.2
    done
}

# usage: ask URL; the status, 0 if nobody answers, and on further lines the body
ask() {
    "$python" - "$1" <<'END'
import sys, urllib.error, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"authorization": "Bearer mock-key"})
try:
    answer = urllib.request.urlopen(request)
except urllib.error.HTTPError as error:
    answer = error
except OSError:
    sys.exit(print(0))
print(answer.status)
print(answer.read().decode())
END
}

free() { "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

fake calm calm
calm=$url
port=$(free)
prism "$port" "$calm"
cat >"$scratch/batch.yaml" <<END
version: 1
pairs:
  - {id: one, image: "$calm/samples/anna.jpg", audio: "$calm/samples/hello-en.mp3"}
  - {id: two, image: "$calm/samples/ben.jpg", audio: "$calm/samples/hola-es.mp3", prompt: Nods.}
END
CALLSHEET_API_KEY=mock-key "$callsheet" run "$scratch/batch.yaml" --endpoint "http://127.0.0.1:$port" --yes
for id in one two; do
    [ -s "$scratch/batch.run/videos/$id.mp4" ]
done
ask "$calm/__mock/unmatched" | grep -q '"unmatched":\[\]'

# What lets everything pass proves nothing: an answer against the contract does not.
cat >"$scratch/odd.yaml" <<END
replay:
  - method: GET
    target: /v1/tasks/t-1
    answers:
      - {status: 200, headers: [{name: content-type, value: application/json}], body: '{"id": "t-1", "status": 5}'}
END
fake odd "$scratch/odd.yaml"
port=$(free)
prism "$port" "$url"
ask "http://127.0.0.1:$port/v1/tasks/t-1" >"$scratch/answer"
[ "$(head -n 1 "$scratch/answer")" = 500 ] || { cat "$scratch/answer"; exit 1; }

"$python" mock/peers/verify.py "$calm" mock/peers/callsheet.pact.json
