#!/usr/bin/env bash
# Installs what Leadline needs and this machine lacks. Nothing missing: nothing done, in well under a second.
#
# Usage: scripts/setup.sh [--tests]
#   --tests  also what `make test` alone needs: Chromium with a Chinese font, cargo-deny, cargo-audit, libfaketime, victoria-metrics, InfluxDB 1,
#            the front end of Flux
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/wasm.sh
. "$ROOT/scripts/wasm.sh"
# shellcheck source=scripts/node.sh
. "$ROOT/scripts/node.sh"

tests=no
case "${1:-}" in
'') ;;
--tests) tests=yes ;;
*) die "unknown argument $1" "scripts/setup.sh [--tests]" ;;
esac

have cargo || die "no Rust toolchain on this machine" "install one with rustup (see https://rustup.rs), then run this again"
have cc || apt_install "compiling the C parts of dependencies" gcc libc6-dev || die "no C compiler" "sudo apt-get install -y gcc libc6-dev"

if ! have redis-server || ! have redis-cli; then
    apt_install "Redis; Leadline starts one of its own, on a port of its own" redis-server redis-tools ||
        die "Redis couldn't be installed" "install redis-server 6.2 or later yourself, then run this again"
fi
wasm_toolchain
node_toolchain

if [ "$tests" = yes ]; then
    have chromium || have google-chrome || have chromium-browser || apt_install "browser tests" chromium ||
        die "no Chromium" "install Chromium, or leave the browser tests out: LEADLINE_E2E=no make test"
    [ -n "$(fc-list :lang=zh 2>/dev/null | head -n1)" ] || apt_install "Chinese letters in browser tests" fontconfig fonts-noto-cjk ||
        say "no Chinese font: the browser tests go on without"
    [ -n "$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null)" ] || apt_install "a test of clocks that are set" libfaketime ||
        say "no libfaketime in this distribution: the test of clocks that are set is left out"
    have victoria-metrics && have influxd || apt_install "tests of what is written to InfluxDB" victoria-metrics influxdb ||
        say "no victoria-metrics or influxdb in this distribution: their tests are left out"
    [ -d "$CACHE/flux-lsp/node_modules/@influxdata/flux-lsp-node" ] ||
        npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$CACHE/flux-lsp" @influxdata/flux-lsp-node@0.8.40 >&2 ||
        say "Flux's front end couldn't be brought: its test is left out"
    "$ROOT/scripts/audit.sh" --install
fi
say "set up: $(redis-server --version | sed 's/^Redis server v=\([^ ]*\).*/redis \1/'), $WASM_TARGET by $WASM_KIND, node $(node --version)"
