#!/usr/bin/env bash
# Builds each plugin from source into a component: plugins/NAME -> target/plugins/NAME.wasm. Unchanged sources: no work.
#
# A plugin that doesn't build is named and leaves its old component in place; the others are built all the same.
# Usage: scripts/build-plugins.sh [NAME...]   (default: every folder in plugins/)
# LEADLINE_PLUGIN_OUT names another folder for the components, as for plugins that only tests need.
set -euo pipefail
# shellcheck source=scripts/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/wasm.sh
. "$ROOT/scripts/wasm.sh"

cd "$ROOT"
wasm_toolchain

# The profile of the tool that makes components, not of the plugins: `make test` builds everything native as dev.
profile="${LEADLINE_PROFILE:-release}"
case "$profile" in
dev) profile_dir=debug ;;
*) profile_dir="$profile" ;;
esac

plugins=("$@")
if [ ${#plugins[@]} = 0 ]; then
    for manifest in plugins/*/Cargo.toml; do plugins+=("$(basename "$(dirname "$manifest")")"); done
fi

say "building the tool that makes components"
# Not -p: alone it would have other features of its dependencies than in the workspace, and wasmparser, syn and others would be compiled twice.
cargo build --quiet "${CARGO_FLAGS[@]}" --profile "$profile" --bin leadline-componentize
tool="$TARGET/$profile_dir/leadline-componentize"

# Vector instructions: every WebAssembly engine of the last years has them. The remapped paths keep the machine's folders out
# of panic messages, so that the same sources and compiler give the same component anywhere. \x1f is cargo's separator.
cargo_home="${CARGO_HOME:-$HOME/.cargo}"
flags=(-C target-feature=+simd128 "--remap-path-prefix=$ROOT=leadline" "--remap-path-prefix=$cargo_home=cargo")
encoded="$(printf '%s\x1f' "${flags[@]}")"

# The separate folder keeps this compiler's work from invalidating the native one's.
build_module() {
    env -u RUSTFLAGS "${WASM_ENV[@]}" "CARGO_TARGET_DIR=$TARGET/wasm" "CARGO_ENCODED_RUSTFLAGS=${encoded%$'\x1f'}" \
        "$WASM_CARGO" build --quiet "${CARGO_FLAGS[@]}" "${WASM_CARGO_ARGS[@]}" --target "$WASM_TARGET" --profile plugin --lib "$@"
}

# All in one call first, since they share their dependencies; one by one only to find out which doesn't build.
say "building ${#plugins[@]} plugins for $WASM_TARGET ($WASM_KIND)"
broken=()
if build_module "${plugins[@]/#/-p}"; then
    built=("${plugins[@]}")
else
    built=()
    for plugin in "${plugins[@]}"; do
        if build_module "-p$plugin" 2>/dev/null; then built+=("$plugin"); else broken+=("$plugin"); fi
    done
fi

out="${LEADLINE_PLUGIN_OUT:-$TARGET/plugins}"
mkdir -p "$out"
for plugin in "${built[@]}"; do
    "$tool" "$TARGET/wasm/$WASM_TARGET/plugin/$plugin.wasm" "$out/$plugin.wasm" || broken+=("$plugin")
done
if [ ${#broken[@]} -gt 0 ]; then
    die "these plugins weren't built: ${broken[*]}; their old components, if any, stay" "scripts/build-plugins.sh ${broken[0]}   shows one alone"
fi
