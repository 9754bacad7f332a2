#!/bin/sh
# What the engine asks: both doors through themselves where there is a token, else whether the supervisor answers.
token=${NOVABOT_WORKER_TOKEN:-}
if [ -n "${NOVABOT_WORKER_TOKEN_FILE:-}" ]; then token=$(cat "$NOVABOT_WORKER_TOKEN_FILE") || exit 1; fi
if [ -z "$token" ]; then exec /workspace/container/cli-tools.sh process list --format raw >/dev/null; fi
port=${NOVABOT_WORKER_PORT:-8080}
# A door's own look ends before --max-time, so that its reason is told; the engine waits for both doors' together.
for door in terminal websocket; do
    # On standard input, as everybody in the container sees the arguments.
    printf 'header = "Authorization: Bearer %s"\n' "$token" \
        | curl --silent --show-error --fail-with-body --noproxy '*' --max-time 14 --config - "http://127.0.0.1:$port/health/$door" || exit 1
done
