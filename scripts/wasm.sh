# shellcheck shell=bash disable=SC2034 # the scripts that source this use the variables
# Finds or brings a Rust that builds for wasm32-unknown-unknown. Sourced after common.sh; `wasm_toolchain` is the way in.
#
# In this order: the target that is installed; `rustup target add`; Debian's rustc-web with the standard library built from
# rust-web-src. LEADLINE_WASM=installed|rustup|debian takes one of them alone.

WASM_TARGET=wasm32-unknown-unknown

# Sets WASM_CARGO, WASM_CARGO_ARGS, WASM_ENV (for `env`) and WASM_KIND, or ends the script with what to do.
wasm_toolchain() {
    have rustc || die "no Rust toolchain on this machine" "install one with rustup (see https://rustup.rs), then run this again"
    case "${LEADLINE_WASM:-}" in
    '') wasm_installed || wasm_by_rustup || wasm_by_debian || wasm_none ;;
    installed) wasm_installed || wasm_none ;;
    rustup) wasm_installed || wasm_by_rustup || wasm_none ;;
    debian) wasm_by_debian || wasm_none ;;
    *) die "LEADLINE_WASM=$LEADLINE_WASM isn't known" "one of: installed, rustup, debian; or leave it out" ;;
    esac
}

wasm_none() {
    die "no Rust here builds for $WASM_TARGET" "rustup target add $WASM_TARGET; or on Debian: sudo apt-get install -y rustc-web cargo-web rust-web-src"
}

wasm_installed() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$WASM_TARGET/lib" ] || return 1
    WASM_KIND="installed target"
    WASM_CARGO=cargo
    WASM_CARGO_ARGS=()
    WASM_ENV=()
}

# A refusal is remembered for this toolchain, so that a machine without that download doesn't wait for it on every run.
wasm_by_rustup() {
    have rustup || return 1
    local refused="$CACHE/rustup-target-refused" toolchain
    toolchain="$(rustc --version)"
    if [ -f "$refused" ] && [ "$(cat "$refused")" = "$toolchain" ]; then return 1; fi
    say "adding the target $WASM_TARGET with rustup"
    if ! timeout 120 rustup target add "$WASM_TARGET" >"$CACHE/rustup.log" 2>&1 </dev/null; then
        say "rustup couldn't (log: .cache/rustup.log); not tried again until .cache/rustup-target-refused is deleted"
        printf '%s\n' "$toolchain" >"$refused"
        return 1
    fi
    wasm_installed
}

# Debian's rustc has its own cargo and no std for this target: std is built from its sources, which takes RUSTC_BOOTSTRAP.
wasm_by_debian() {
    local missing=()
    [ -x /usr/bin/rustc ] || missing+=(rustc-web)
    [ -x /usr/bin/cargo ] || missing+=(cargo-web)
    wasm_debian_sources || missing+=(rust-web-src)
    if [ ${#missing[@]} -gt 0 ]; then
        have apt-get || return 1
        # All three: a compiler and sources of different versions don't fit.
        apt_install "building $WASM_TARGET plugins" rustc-web cargo-web rust-web-src || return 1
        wasm_debian_sources || return 1
    fi
    local wanted version
    wanted="$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")"
    version="$(/usr/bin/rustc --version | cut -d' ' -f2)"
    if [ "$(printf '%s\n%s\n' "$wanted" "$version" | sort -V | head -n1)" != "$wanted" ]; then
        say "/usr/bin/rustc is $version, and Leadline needs $wanted"
        return 1
    fi
    local linker
    linker="$(wasm_linker)" || return 1
    WASM_KIND="Debian's rustc $version with std from source"
    WASM_CARGO=/usr/bin/cargo
    WASM_CARGO_ARGS=("-Zbuild-std=std,panic_abort")
    # RUSTUP_TOOLCHAIN and CARGO would send parts of the build back to rustup's compiler.
    WASM_ENV=(-u RUSTUP_TOOLCHAIN -u CARGO -u RUSTC_WRAPPER RUSTC_BOOTSTRAP=1 RUSTC=/usr/bin/rustc "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER=$linker")
}

wasm_debian_sources() {
    [ -x /usr/bin/rustc ] && [ -f "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library/std/Cargo.toml" ]
}

# The linker inside rustup's toolchain; else the one of Debian's package lld.
wasm_linker() {
    local host lld
    host="$(rustc -vV | sed -n 's/^host: //p')"
    lld="$(rustc --print sysroot)/lib/rustlib/$host/bin/rust-lld"
    if [ -x "$lld" ]; then
        printf '%s\n' "$lld"
    elif have wasm-ld || apt_install "linking plugins" lld >&2; then
        command -v wasm-ld
    else
        return 1
    fi
}
