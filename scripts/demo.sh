# shellcheck shell=bash
# A demo on free ports with data of its own, for what is tried against a running host. Sourced after common.sh.

# Starts it and waits for its page. Usage: demo_start ARGUMENT...; then $demo_url is its address, $demo_data its folder. It ends with the script.
demo_start() {
    demo_data="$(mktemp -d)"
    # Plugins of its own: what is tried changes their parameters and exchanges them.
    mkdir "$demo_data/plugins"
    cp "${PLUGIN_DIR:-$TARGET/plugins}"/*.wasm "$demo_data/plugins/"
    # The one place that knows how the demo is started.
    local demo=("$TARGET/debug/leadline" demo --api-addr 127.0.0.1:0 --redis-port 0 --data "$demo_data" --plugin-dir "$demo_data/plugins" "$@")
    [ -x "${demo[0]}" ] || cargo build --quiet "${CARGO_FLAGS[@]}" --bin leadline
    demo_output="$demo_data/demo.log"
    "${demo[@]}" >"$demo_output" 2>&1 </dev/null &
    demo_pid=$!
    trap demo_finish EXIT
    # The demo prints its page's address in a line of its own output. Up to a minute: it compiles its components when it starts for the first time.
    demo_url=
    for _ in $(seq 600); do
        demo_url="$(grep -oE 'http://127\.0\.0\.1:[0-9]+' "$demo_output" | head -n 1 || true)"
        if [ -n "$demo_url" ]; then return; fi
        kill -0 "$demo_pid" 2>/dev/null || die "the demo ended before it told its page's address" "${demo[*]}"
        sleep 0.1
    done
    die "the demo told no address of a page within a minute" "${demo[*]}"
}

demo_finish() {
    local status=$?
    kill -INT "$demo_pid" 2>/dev/null || true
    wait "$demo_pid" 2>/dev/null || true
    if [ "$status" != 0 ]; then
        say "the demo's last lines:"
        tail -n 30 "$demo_output" >&2
    fi
    rm -rf "$demo_data"
}
