#!/usr/bin/env bash
# Sets up, builds and tests everything, the cheap checks first. Stops at the first failure, and names it.
#
# One profile for all of it: dev. Its dependencies are optimised (root Cargo.toml), so components compile fast, while our own
# code keeps its overflow checks; a second, optimised build of wasmtime would take as long as all the rest.
# LEADLINE_E2E=no leaves the browser out, LEADLINE_AUDIT=no the audit.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cd "$ROOT"
export LEADLINE_PROFILE=dev
started=$SECONDS
step=
trap 'status=$?; [ "$status" = 0 ] || say "FAILED in: $step (after $((SECONDS - started)) s)"' EXIT

# Names the step, runs it, tells how long it took.
run() {
    step="$1"
    shift
    local begun=$SECONDS
    say "── $step"
    "$@"
    say "   $step: $((SECONDS - begun)) s"
}

test_rust() {
    if have cargo-nextest; then
        # --no-fail-fast: one run shows every failure.
        cargo nextest run "${CARGO_FLAGS[@]}" --workspace --no-fail-fast
        cargo test "${CARGO_FLAGS[@]}" --quiet --workspace --doc
    else
        cargo test "${CARGO_FLAGS[@]}" --workspace --no-fail-fast
    fi
}

if [ "${LEADLINE_AUDIT:-yes}" = no ] && [ "${LEADLINE_E2E:-yes}" = no ]; then
    run "set-up" scripts/setup.sh
else
    run "set-up" scripts/setup.sh --tests
fi
run "format" cargo fmt --check
run "page: build, types, tests" scripts/build-web.sh --test
[ "${LEADLINE_AUDIT:-yes}" = no ] || run "audit" scripts/audit.sh
run "plugins" scripts/build-plugins.sh
run "plugins that only tests need" env LEADLINE_PLUGIN_OUT="$TARGET/test-plugins" scripts/build-plugins.sh misbehaving
run "lints" cargo clippy "${CARGO_FLAGS[@]}" --workspace --all-targets -- -D warnings
run "rust tests" test_rust
[ "${LEADLINE_E2E:-yes}" = no ] || run "page in a browser" scripts/e2e.sh
say "everything passed in $((SECONDS - started)) s"
