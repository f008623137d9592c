#!/usr/bin/env bash
# Recomputes every intermediate quantity of the analyses with other software and prints the differences. Packages go into .cache/oracles.
# Usage: scripts/oracles.sh [SCRIPT [ARGS...]]   (default: compare.py; another one of bench/oracles)
set -euo pipefail
cd "$(dirname "$0")/.."

target="${CARGO_TARGET_DIR:-target}"
venv=.cache/oracles
wanted=bench/oracles/requirements.txt
if ! cmp -s "$wanted" "$venv/installed.txt"; then
    command -v python3 >/dev/null || { echo "python3 is not there; hint: install Python 3.11 or newer" >&2; exit 2; }
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$wanted" \
        || { echo "the packages of $wanted can't be installed; hint: they come from the package index that pip is set to" >&2; exit 2; }
    cp "$wanted" "$venv/installed.txt"
fi
# shellcheck disable=SC2086 # several flags
cargo build ${LEADLINE_CARGO_FLAGS---locked} --quiet --package leadline-oracles
script="${1:-compare.py}"
exec "$venv/bin/python" "bench/oracles/$script" "$target/debug/leadline-oracles" "${@:2}"
