#!/bin/sh
# The agent's command: src/agents/mail-command. What the agent's programs are told about Node is not for this one.
unset NODE_OPTIONS NODE_USE_ENV_PROXY
if [ "$1" = mcp ]; then exec /usr/local/bin/node /usr/local/lib/novabot/server.mjs; fi
exec /usr/local/bin/node /usr/local/lib/novabot/command.mjs "$@"
