#!/bin/sh
# The same as `node /workspace/container/cli-tools.js` and `bun run /workspace/container/cli-tools.ts`, from anywhere.
# What the container says to every Node is for its programs; a supervisor that this starts hands it on.
if [ -n "${NODE_OPTIONS+set}" ]; then
    export NOVABOT_WORKER_NODE_OPTIONS="$NODE_OPTIONS"
    unset NODE_OPTIONS
fi
exec /workspace/container/bin/node /workspace/container/cli-tools.js "$@"
