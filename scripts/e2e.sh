#!/usr/bin/env bash
# The page in a real browser, against a real demo on free ports, which the checks start and stop.
#
# Usage: scripts/e2e.sh [weight]   weight: what a pair's page costs a browser, instead of the checks
# LEADLINE_URL=http://... (and LEADLINE_TOKEN) tests a host that is running already, and starts none. LEADLINE_SCREENSHOTS=DIR keeps pictures.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/node.sh
. "$ROOT/scripts/node.sh"

cd "$ROOT"
node_toolchain
if [ -z "${LEADLINE_URL:-}" ]; then
    export LEADLINE_PROGRAM="${LEADLINE_PROGRAM:-$TARGET/debug/leadline}" LEADLINE_PLUGINS="${PLUGIN_DIR:-$TARGET/plugins}"
    [ -x "$LEADLINE_PROGRAM" ] || cargo build --quiet "${CARGO_FLAGS[@]}" --bin leadline
fi
exec node "web/e2e/${1:-run}.mjs"
