#!/usr/bin/env bash
# Shows the requests of this program to implementations that others made.
#
#   scripts/acceptance.sh SHARED
#
# SHARED is a folder with models/start-model.sh (llama.cpp's server with small models) and
# wire/openai-openapi-subset.json (the document of OpenAI's interface). Needs python3 and npx.
# Without it the tests that this runs are passed over.
set -euo pipefail
cd "$(dirname "$0")/.."
shared=${1:?give the folder that holds models/ and wire/}
port=${REGAUGE_PRISM_PORT:-14010}

log=$(mktemp)
bash "$shared/models/start-model.sh" start smollm2 minilm
set -m # a group of its own, so that all of it can be ended
npx --yes @stoplight/prism-cli mock --errors --port "$port" "$shared/wire/openai-openapi-subset.json" >"$log" 2>&1 &
prism=$!
set +m
trap 'kill -- "-$prism" 2>/dev/null || true; rm -f "$log"' EXIT
for _ in $(seq 120); do
  curl -s -o /dev/null "http://127.0.0.1:$port/models" && break
  kill -0 "$prism" 2>/dev/null || { cat "$log" >&2; exit 1; }
  sleep 1
done

REGAUGE_LLAMA_URL=$(bash "$shared/models/start-model.sh" url smollm2) \
REGAUGE_EMBEDDINGS_URL=$(bash "$shared/models/start-model.sh" url minilm) \
REGAUGE_PRISM_URL=http://127.0.0.1:$port \
  cargo test --locked --test it -- acceptance_test --nocapture
