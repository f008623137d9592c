#!/usr/bin/env bash
# Builds the page: web/ -> web/dist. Unchanged sources: no work.
#
# Usage: scripts/build-web.sh [--test]   --test also type-checks it and runs its tests
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/node.sh
. "$ROOT/scripts/node.sh"

cd "$ROOT/web"
node_toolchain

# One fingerprint over the content of files, since a checkout changes their times and not what they say.
fingerprint() { sha256sum "$@" | sha256sum | cut -d' ' -f1; }

packages="$(fingerprint package.json package-lock.json .npmrc)"
if [ "$(cat node_modules/.leadline 2>/dev/null)" != "$packages" ]; then
    say "installing the page's packages"
    # No package runs a script of its own while it is installed.
    npm ci --ignore-scripts --no-fund --no-audit --loglevel=error >&2
    printf '%s\n' "$packages" >node_modules/.leadline
fi

mapfile -d '' files < <(find src public -type f -print0 | sort -z)
sources="$packages $(fingerprint index.html vite.config.ts tsconfig.json "${files[@]}")"
if [ "$(cat node_modules/.leadline-built 2>/dev/null)" != "$sources" ] || [ ! -f dist/index.html ]; then
    say "building the page"
    npm run --silent build -- --logLevel warn >&2
    printf '%s\n' "$sources" >node_modules/.leadline-built
fi

if [ "${1:-}" = --test ]; then
    say "checking the page's types, and that those of the API are of its description"
    npm run --silent types -- --check
    npm run --silent check
    say "testing the page"
    npm test --silent
fi
