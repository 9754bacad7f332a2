#!/bin/sh
# Writes a module's plain env file from its encrypted one: script/materialize-secret.sh MODULE local|prod
set -eu

if [ $# -ne 2 ]; then
  printf 'usage: %s MODULE local|prod\n' "$0" >&2
  exit 2
fi
root=$(CDPATH='' cd -P -- "$(dirname -- "$0")/.." && pwd -P)
# The project that this script belongs to, wherever it is called from.
cd -- "$root"
if [ -x ./novabot ]; then
  exec ./novabot secrets materialize "$1" --env "$2"
fi
if [ -r bin/novabot.cjs ]; then
  exec node bin/novabot.cjs secrets materialize "$1" --env "$2"
fi
exec novabot secrets materialize "$1" --env "$2"
