#!/bin/sh
# The same as `node /workspace/container/cli-tools.js` and `bun run /workspace/container/cli-tools.ts`, from anywhere.
exec /workspace/container/bin/node /workspace/container/cli-tools.js "$@"
