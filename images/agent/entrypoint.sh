#!/bin/sh
# The runner sources /workspace/env-dir/env for the agent, and for the agent alone: see src/agents/runner/agent-env.ts.
# The agent may send signals to the runner; SIGUSR1 would open Node's debugger to it.
exec /usr/bin/perl /app/agent-runner/seal.pl \
    /app/agent-runner/ld.so /usr/local/bin/node --disable-sigusr1 /app/agent-runner/runner.mjs
