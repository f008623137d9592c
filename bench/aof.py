#!/usr/bin/env python3
"""What Leadline costs Redis's append-only file, by kind of key: bytes a day at 100 frames a second over ten pairs.

  bench/aof.py [--seconds 60] [--program target/release/leadline] [--plugins target/plugins]

Starts a Redis with an append-only file, the simulator's market (ten pairs, 100 frames a second in all), and the host with default settings.
Counts the bytes of every command in the file by the key that it writes, between two moments, and scales them to a day. What the file
becomes after Redis has rewritten it isn't counted: a rewrite leaves what is in memory.
"""
import argparse
import re
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True     # nothing beside the sources
sys.path.insert(0, str(Path(__file__).resolve().parent / "peers"))
import host  # noqa: E402

KINDS = [(re.compile(pattern), kind) for pattern, kind in (
    (r"^buffer:.*:processing$", "`buffer:…:processing`"), (r"^buffer:.*:position$", "`buffer:…:position`"), (r"^buffer:", "`buffer:{analysis:{id}}`"),
    (r"^state:", "`state:{analysis:{id}}`"), (r"^analysis:", "`analysis:{id}`"), (r"^orderbook:", "`orderbook:{id}`"), (r"^feed:", "`feed:{id}`"),
    (r"^plugin:", "`plugin:{name}`"), (r"^system:monitoring", "`system:monitoring`"), (r"^host:", "`host:{name}`"))]


def commands(data):
    """Words and length of each command."""
    at = 0
    while at < len(data):
        begin = at
        if data[at:at + 1] == b"#":        # a comment with a time
            at = data.index(b"\n", at) + 1
            continue
        end = data.index(b"\r\n", at)
        count, at, words = int(data[at + 1:end]), end + 2, []
        for _ in range(count):
            end = data.find(b"\r\n", at)
            length = int(data[at + 1:end])
            if end + 2 + length + 2 > len(data):
                return                      # not written to the end yet
            words.append(data[end + 2:end + 2 + length])
            at = end + 2 + length + 2
        yield words, at - begin


def kind_of(words):
    name = words[0].upper()
    if name in (b"MULTI", b"EXEC", b"SELECT"):
        return "`MULTI`, `EXEC`, `SELECT`"
    key = words[1].decode(errors="replace") if len(words) > 1 else ""
    if name in (b"RPOPLPUSH", b"LMOVE"):
        key = words[2].decode(errors="replace")
    return next((kind for pattern, kind in KINDS if pattern.search(key)), "others")


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--seconds", type=float, default=60)
    a.add_argument("--program", default="target/release/leadline")
    a.add_argument("--replay", help="a recording instead of the generated market, such as one that fills the windows")
    a.add_argument("--speed", default="1", help="its pace (default 1)")
    a.add_argument("--plugins", default="target/plugins")
    o = a.parse_args()
    if not Path(o.program).exists():
        raise SystemExit(f"{o.program} isn't there\nhint: make build plugins")
    feed = ["--replay", o.replay, "--speed", o.speed] if o.replay else ["--shape", "even", "--rate", "100"]
    with host.running(o.program, o.plugins, feed, host.pairs_of(o.replay) if o.replay else None, aof=True) as running:
        # A rewrite in between would take away what is counted.
        running.redis("CONFIG", "SET", "auto-aof-rewrite-percentage", "0")
        running.first_reading()
        running.all_live()
        time.sleep(5)

        def written():
            return b"".join(file.read_bytes() for file in sorted(Path(running.folder.name).rglob("*.incr.aof")))
        before, frames, began = len(written()), int(running.monitoring()["frames"]), time.monotonic()
        time.sleep(o.seconds)
        data = written()
        took, frames = time.monotonic() - began, int(running.monitoring()["frames"]) - frames
        listed = int(running.redis("LLEN", "buffer:{analysis:BTC-USDT}:processing"))
        states = {pair: sum(int(running.redis("HSTRLEN", f"state:{{analysis:{pair}}}", field)) for field in running.redis("HKEYS", f"state:{{analysis:{pair}}}"))
                  for pair in running.pairs}
        memory = int(running.redis("MEMORY", "USAGE", "buffer:{analysis:BTC-USDT}:processing", "SAMPLES", "0") or 0)
    # From the first whole command behind the mark on.
    at, total, number = 0, Counter(), Counter()
    for words, length in commands(data):
        at += length
        if at > before:
            total[kind_of(words)] += length
            number[kind_of(words)] += 1
    day = 86_400 / took / 1e9
    print(f"{frames / took:.0f} frames/s, {took:.0f} s; BTC-USDT: {listed} frames in the processing List, {memory / max(listed, 1):.0f} B each\n")
    print(f"checkpoints: {sum(states.values()) / len(states):.0f} B a pair\n")
    print("| key | commands a second | bytes each | GB a day |\n|---|---|---|---|")
    for kind, length in total.most_common():
        print(f"| {kind} | {number[kind] / took:.1f} | {length / number[kind]:.0f} | {length * day:.1f} |")
    print(f"| **all** | | | **{sum(total.values()) * day:.1f}** |")


main()
