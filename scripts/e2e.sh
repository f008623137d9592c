#!/usr/bin/env bash
# The page in a real browser, against a real demo: starts the demo on free ports, drives Chromium, stops the demo.
#
# LEADLINE_URL=http://... tests a host that is running already, and starts none.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/node.sh
. "$ROOT/scripts/node.sh"
# shellcheck source=scripts/demo.sh
. "$ROOT/scripts/demo.sh"

cd "$ROOT"
node_toolchain
if [ -n "${LEADLINE_URL:-}" ]; then exec node web/e2e/run.mjs; fi
demo_start
LEADLINE_URL="$demo_url" node web/e2e/run.mjs
