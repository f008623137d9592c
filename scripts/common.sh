# shellcheck shell=bash
# What every script here shares: where things are, how to speak, how to install. Sourced, never run.

ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
# Tools and outcomes that set-up remembers; safe to delete, it is made again.
CACHE="$ROOT/.cache"
# What cargo builds. Cargo itself reads the same variable.
TARGET="${CARGO_TARGET_DIR:-$ROOT/target}"
case "$TARGET" in /*) ;; *) TARGET="$ROOT/$TARGET" ;; esac
# The lock file decides, unless a developer who changes dependencies says otherwise: LEADLINE_CARGO_FLAGS= make build
# shellcheck disable=SC2034 # used by the scripts that source this
read -r -a CARGO_FLAGS <<<"${LEADLINE_CARGO_FLAGS---locked}"
mkdir -p "$CACHE"

# One line a step, on standard error: standard output is for data.
say() { printf '%s\n' "leadline: $*" >&2; }

# What went wrong, then what to do about it.
die() {
    printf '%s\n' "leadline: error: $1" >&2
    if [ $# -gt 1 ]; then printf '%s\n' "  hint: $2" >&2; fi
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root: as it is, through sudo, or not at all. A password is asked for only where somebody can type one.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif have sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
        sudo "$@"
    else
        return 126
    fi
}

# Installs Debian or Ubuntu packages without ever removing one that is there. Usage: apt_install WHAT_FOR PACKAGE...
apt_install() {
    local what_for="$1"
    shift
    have apt-get || die "$what_for needs $*, and this machine has no apt-get" "install $* with the machine's own package manager, then run this again"
    say "installing $* ($what_for)"
    local log="$CACHE/apt.log" status=0
    # The list of packages is fetched once a run at most.
    if [ -z "${APT_UPDATED:-}" ]; then
        as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >"$log" 2>&1 </dev/null || status=$?
        APT_UPDATED=yes
    fi
    # 126 is as_root's word that it may not; an update that failed for another reason may still leave a usable list.
    if [ "$status" != 126 ]; then
        status=0
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove "$@" >>"$log" 2>&1 </dev/null ||
            status=$?
    fi
    case "$status" in
    0) ;;
    126) die "$what_for needs $*, and installing them needs root" "sudo apt-get update && sudo apt-get install -y --no-install-recommends $*" ;;
    *)
        tail -n 15 "$log" >&2
        return 1
        ;;
    esac
}
