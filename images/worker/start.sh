#!/bin/sh
# The one child of the container's init: the supervisor, which starts the container's command as the instance `app` (or as
# `--instance-id ID --port N -- COMMAND` says), watches it, and ends everything in order when the container is stopped.
case "${1:-}" in
    "" | --*) ;;
    *) set -- -- "$@" ;;
esac
# What the container says to every Node is for its programs, which get it from the supervisor: it may load their code.
if [ -n "${NODE_OPTIONS+set}" ]; then
    export NOVABOT_WORKER_NODE_OPTIONS="$NODE_OPTIONS"
    unset NODE_OPTIONS
fi
# The options are those of `supervisorNodeOptions`: they keep its memory small.
exec /workspace/container/bin/node --optimize-for-size --v8-pool-size=1 --disable-sigusr1 /workspace/container/supervisor.mjs "$@"
