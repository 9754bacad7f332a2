#!/bin/sh
# The engine's own -e variables are lost on Apple Container when standard input is open, so they come in a file.
if [ -r /workspace/env-dir/env ]; then
  . /workspace/env-dir/env
fi
# The agent may send signals to the runner; SIGUSR1 would open Node's debugger to it.
exec /app/agent-runner/ld.so /usr/local/bin/node --disable-sigusr1 /app/agent-runner/runner.mjs
