#!/usr/bin/env bash
# Builds one plugin's folder, anywhere on this machine, into a component: a Cargo project, a Python module, or a JavaScript module.
#
# Usage: scripts/build-plugin.sh FOLDER OUT.wasm; prints nothing on standard output. `leadline plugin build` is the way in for people.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/wasm.sh
. "$ROOT/scripts/wasm.sh"
# shellcheck source=scripts/node.sh
. "$ROOT/scripts/node.sh"

[ $# = 2 ] || die "two arguments are needed, $# given" "scripts/build-plugin.sh FOLDER OUT.wasm"
folder="$(cd "$1" && pwd)"
out="$2"
mkdir -p "$(dirname "$out")"

build_rust() {
    wasm_toolchain
    local profile="${LEADLINE_PROFILE:-release}" profile_dir name cargo_home encoded
    case "$profile" in dev) profile_dir=debug ;; *) profile_dir="$profile" ;; esac
    name="$(sed -n 's/^name = "\(.*\)"/\1/p' "$folder/Cargo.toml" | head -n1 | tr - _)"
    [ -n "$name" ] || die "$folder/Cargo.toml names no package" 'it needs [package] with a line name = "..."'
    # The versions that the SDK was tested with; cargo drops what the project doesn't use.
    case "$folder/" in "$ROOT"/*) ;; *) [ -f "$folder/Cargo.lock" ] || cp "$ROOT/Cargo.lock" "$folder/Cargo.lock" ;; esac
    say "building the tool that makes components"
    (cd "$ROOT" && cargo build --quiet "${CARGO_FLAGS[@]}" --profile "$profile" --bin leadline-componentize)
    say "building $name for $WASM_TARGET ($WASM_KIND)"
    cargo_home="${CARGO_HOME:-$HOME/.cargo}"
    # The flags of build-plugins.sh, word for word: others would compile the SDK once more for each project.
    encoded="$(printf '%s\x1f' -C target-feature=+simd128 "--remap-path-prefix=$ROOT=leadline" "--remap-path-prefix=$cargo_home=cargo")"
    # The same folder as the shipped plugins', so that the SDK is compiled once.
    (cd "$folder" && env -u RUSTFLAGS "${WASM_ENV[@]}" "CARGO_TARGET_DIR=$TARGET/wasm" "CARGO_ENCODED_RUSTFLAGS=${encoded%$'\x1f'}" \
        "$WASM_CARGO" build --quiet "${WASM_CARGO_ARGS[@]}" --target "$WASM_TARGET" --profile plugin --lib)
    "$TARGET/$profile_dir/leadline-componentize" "$TARGET/wasm/$WASM_TARGET/plugin/$name.wasm" "$out"
}

# The version whose components the tests run.
COMPONENTIZE_PY=0.25.1

build_python() {
    local modules=() file venv="$CACHE/componentize-py" beside="$out.$$.tmp" log="$CACHE/componentize-py.log"
    for file in "$folder"/*.py; do
        case "$(basename "$file")" in test_*) ;; *) modules+=("$(basename "$file" .py)") ;; esac
    done
    [ ${#modules[@]} = 1 ] || die "$folder has ${#modules[@]} Python modules beside its tests, and a plugin is one" "put the others into a package"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
        die "Python plugins need Python 3.10 or newer" "sudo apt-get install -y python3 python3-venv"
    # One build installs it; another that comes meanwhile waits.
    exec 9>"$CACHE/componentize-py.lock"
    if have flock; then flock 9; fi
    if [ "$("$venv/bin/componentize-py" --version 2>/dev/null)" != "componentize-py $COMPONENTIZE_PY" ]; then
        say "installing componentize-py $COMPONENTIZE_PY into .cache/componentize-py"
        if ! { rm -rf "$venv" && python3 -m venv "$venv" && "$venv/bin/pip" install --quiet "componentize-py==$COMPONENTIZE_PY"; } >"$log" 2>&1; then
            tail -n 5 "$log" >&2
            die "componentize-py $COMPONENTIZE_PY can't be installed (log: .cache/componentize-py.log)" \
                "it comes from PyPI and needs pip and python3-venv: sudo apt-get install -y python3-venv"
        fi
    fi
    exec 9>&-
    say "building ${modules[0]} with its interpreter"
    if ! "$venv/bin/componentize-py" -d "$ROOT/wit/v1" -w stateful-plugin componentize --stub-wasi -p "$folder" -p "$ROOT/sdk/python" \
        "${modules[0]}" -o "$beside" >"$log" 2>&1; then
        rm -f "$beside"
        tail -n 15 "$log" >&2
        die "${modules[0]}.py can't become a component" "it ends with: Analysis, State = export(YourPlugin)"
    fi
    # Written beside and renamed, so that a host that watches the folder never sees a part.
    mv "$beside" "$out"
}

# Everything of WASI is left out of its engine: a plugin has the host's log alone.
build_javascript() {
    local modules=() file packages="$CACHE/componentize-js" wanted beside log="$CACHE/componentize-js.log"
    beside="$(cd "$(dirname "$out")" && pwd)/$(basename "$out").$$.tmp"
    for file in "$folder"/*.js; do
        case "$(basename "$file")" in *.test.js) ;; *) modules+=("$file") ;; esac
    done
    [ ${#modules[@]} = 1 ] || die "$folder has ${#modules[@]} JavaScript modules beside its tests, and a plugin is one" "bundle them into one module"
    node_toolchain
    exec 9>"$CACHE/componentize-js.lock"
    if have flock; then flock 9; fi
    # In the versions of the lock file. package.json there also leaves out what it never asks for: jco's Binaryen and older engines, 300 MB.
    wanted="$(sha256sum <"$ROOT/scripts/javascript/package-lock.json" | cut -d' ' -f1)"
    if [ "$(cat "$packages/node_modules/.leadline" 2>/dev/null)" != "$wanted" ]; then
        say "installing componentize-js into .cache/componentize-js"
        rm -rf "$packages" && mkdir -p "$packages" && cp "$ROOT"/scripts/javascript/{package.json,package-lock.json,.npmrc} "$packages"
        if ! npm ci --prefix "$packages" --ignore-scripts --no-fund --no-audit --loglevel=error >"$log" 2>&1; then
            tail -n 5 "$log" >&2
            die "componentize-js can't be installed (log: .cache/componentize-js.log)" "it comes from the npm registry that npm is set to"
        fi
        printf '%s\n' "$wanted" >"$packages/node_modules/.leadline"
    fi
    exec 9>&-
    say "building $(basename "${modules[0]}") with its engine"
    if ! (cd "$packages" && node_modules/.bin/componentize-js "${modules[0]}" --wit "$ROOT/wit/v1" --world-name plugin \
        --disable random stdio clocks http fetch-event --out "$beside") >"$log" 2>&1 || [ ! -f "$beside" ]; then
        rm -f "$beside"
        tail -n 15 "$log" >&2
        die "$(basename "${modules[0]}") can't become a component" "it exports an object \`analysis\` with describe, open and analyze, as in docs/plugins.md"
    fi
    mv "$beside" "$out"
}

if [ -f "$folder/Cargo.toml" ]; then
    build_rust
elif compgen -G "$folder/*.py" >/dev/null; then
    build_python
elif compgen -G "$folder/*.js" >/dev/null; then
    build_javascript
else
    die "$folder holds no Cargo.toml, no Python module and no JavaScript module" "leadline plugin new NAME --lang rust (or python) makes a project"
fi
