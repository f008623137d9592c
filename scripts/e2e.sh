#!/usr/bin/env bash
# The page in a real browser, against a real demo: starts the demo on free ports, drives Chromium, stops the demo.
#
# LEADLINE_URL=http://... tests a host that is running already, and starts none.
# The demo must print its page's address (http://127.0.0.1:PORT) in a line of its own output; that is waited for.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/node.sh
. "$ROOT/scripts/node.sh"

cd "$ROOT"
node_toolchain
if [ -n "${LEADLINE_URL:-}" ]; then exec node web/e2e/run.mjs; fi

data="$(mktemp -d)"
# The one place that knows how the demo is started.
demo=("$TARGET/debug/leadline" demo --api-addr 127.0.0.1:0 --redis-port 0 --data "$data")
[ -x "${demo[0]}" ] || cargo build --quiet "${CARGO_FLAGS[@]}" -p leadline

output="$data/demo.log"
"${demo[@]}" >"$output" 2>&1 </dev/null &
pid=$!
finish() {
    local status=$?
    kill -INT "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
    if [ "$status" != 0 ]; then
        say "the demo's last lines:"
        tail -n 30 "$output" >&2
    fi
    rm -rf "$data"
}
trap finish EXIT

# Up to a minute: a demo compiles its components when it starts for the first time.
url=
for _ in $(seq 600); do
    url="$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$output" | head -n 1 || true)"
    if [ -n "$url" ]; then break; fi
    kill -0 "$pid" 2>/dev/null || die "the demo ended before it told its page's address" "${demo[*]}"
    sleep 0.1
done
[ -n "$url" ] || die "the demo told no address of a page within a minute" "${demo[*]}"
LEADLINE_URL="$url" node web/e2e/run.mjs
