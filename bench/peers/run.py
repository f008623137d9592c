#!/usr/bin/env python3
"""Leadline and the stack it replaces, in turn on one file of frames; prints one table with ratios.

  bench/peers/run.py              about 12 minutes
  bench/peers/run.py --whole      also the whole file at 100 frames a second: 8 minutes more
  bench/peers/run.py --quick      short phases, no libraries: about 5 minutes
  bench/peers/run.py --only paced,burst    some of the phases; the table then has what was measured before beside them

The other stack (Python, Redis List, Bytewax) and its frame generator live in ${LEADLINE_SHARED}/baseline (default: ../shared beside the
repository). Without it, only Leadline is measured, on its own generated market.
"""
import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True     # nothing beside the sources
sys.path.insert(0, str(Path(__file__).resolve().parent))
import host  # noqa: E402
import table  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache" / "bench"
CONFIGS = {"as written": "json:1:branches:sortedcontainers", "tuned": "binary:10:fused:array"}
WARM, SUSTAINED, PACED, BURST = 33_000, 7_000, 4_000, 2_000
FRAMES = WARM + SUSTAINED + PACED + BURST


def arguments():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--quick", action="store_true", help="short phases, no libraries")
    a.add_argument("--whole", action="store_true", help="also the whole file at 100 frames a second, so that all windows fill")
    a.add_argument("--runs", type=int, default=3, help="runs of the host at 100 frames a second (default 3)")
    a.add_argument("--seconds", type=float, default=60, help="length of each (default 60)")
    a.add_argument("--only", help="some phases, with commas between, added to what --json holds: baseline, paced, aof, burst, sustained, alone, libraries, whole")
    a.add_argument("--load", type=float, default=0.7, help="wait until the load average of a minute is below this, 5 minutes at most")
    a.add_argument("--json", type=Path, default=CACHE / "peers.json", help="where the figures are kept (default .cache/bench/peers.json)")
    return a.parse_args()


def python(baseline):
    """The baseline's Python with its pinned packages, in .cache."""
    folder, wanted = CACHE / "python", (baseline / "requirements.txt").read_text()
    stamp = folder / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        if not shutil.which("python3.11"):
            raise SystemExit("the baseline's versions are pinned for Python 3.11, which isn't here\nhint: install python3.11")
        subprocess.run(["python3.11", "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", "-r", baseline / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    return folder / "bin/python"


def quiet(below):
    """Waits for other work on the machine to end; the load average it starts with."""
    deadline = time.monotonic() + 300
    while os.getloadavg()[0] > below and time.monotonic() < deadline:
        time.sleep(5)
    return os.getloadavg()[0]


def measure_baseline(baseline, frames):
    env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    out = CACHE / "baseline.jsonl"
    out.unlink(missing_ok=True)
    words = [python(baseline), baseline / "run.py", "--frames", frames, "--configs", ",".join(CONFIGS.values()), "--append-json", out, "--list-only", "0"]
    words += [f"--{name}={n}" for name, n in (("warm", WARM), ("sustained", SUSTAINED), ("paced", PACED), ("burst", BURST))]
    if not frames.exists():
        words += ["--generate", FRAMES]
    subprocess.run([str(word) for word in words], env=env, check=True, stdout=sys.stderr)
    return dict(zip(CONFIGS, map(json.loads, out.read_text().splitlines())))


def libraries(baseline, frames):
    """Microseconds a frame of the libraries that the baseline's author measured."""
    out = CACHE / "libraries.json"
    subprocess.run([str(w) for w in (python(baseline), baseline / "peers.py", frames, "--json", out)], env=dict(os.environ, PYTHONDONTWRITEBYTECODE="1"),
                   check=True, stdout=sys.stderr)
    return json.loads(out.read_text())


def say(text):
    print(text, file=sys.stderr, flush=True)


def phases(o, program, plugins, baseline, result):
    """What can be measured, by name: what it adds to the result. Without the other stack its phases are left out, and Leadline plays its own market."""
    frames = CACHE / f"frames-{FRAMES}.ndjson"
    seconds = min(o.seconds, 20) if o.quick else o.seconds
    there = (baseline / "run.py").exists()
    if there:
        pairs, feed = (lambda: host.pairs_of(frames)), ["--replay", frames]
    else:
        say(f"left out: the baseline, {baseline} isn't there (LEADLINE_SHARED); Leadline alone on its own generated market")
        pairs, feed = (lambda: None), ["--shape", "even", "--rate", "100"]
    burst = ["--shape", "burst", "--rate", "100"]

    def several(feed, pairs, runs):
        return [host.paced(program, plugins, feed, pairs, seconds) for _ in range(runs)]

    def sustained():
        result["sustained"], result["too_fast"] = host.sustained(program, plugins, frames, pairs(), FRAMES)

    def alone():
        result.update(frames=FRAMES, replay_s=host.command(program, "replay", frames, "--plugin-dir", plugins), verify_s=host.command(program, "verify", frames))

    known = {
        "baseline": lambda: result.update(baseline=measure_baseline(baseline, frames)),
        "paced": lambda: result.update(paced=several(feed, pairs(), o.runs)),
        "aof": lambda: result.update(aof=host.paced(program, plugins, feed, pairs(), min(seconds, 30), aof=True)),
        "burst": lambda: result.update(burst=several(burst, None, 1 if o.quick else 2)),
        "sustained": sustained,
        "alone": alone,
        "libraries": lambda: result.update(libraries=libraries(baseline, frames)),
        "whole": lambda: result.update(whole=host.paced(program, plugins, feed, pairs(), FRAMES / 100 - 10)),
    }
    usual = [name for name in known if name != "whole" or o.whole]
    usual = [name for name in usual if there or name in ("paced", "aof", "burst")]
    return known, [name for name in usual if not (o.quick and name == "libraries")]


def main():
    o = arguments()
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    program, plugins = target / "release/leadline", target / "plugins"
    if not program.exists() or not plugins.exists():
        raise SystemExit(f"{program} or {plugins} isn't there\nhint: make build plugins")
    CACHE.mkdir(parents=True, exist_ok=True)
    baseline = Path(os.environ.get("LEADLINE_SHARED", ROOT.parent / "shared")) / "baseline"
    result = json.loads(o.json.read_text()) if o.only and o.json.exists() else {}
    result.update(machine=platform.machine(), cores=os.cpu_count(), system=platform.release(), python=platform.python_version(),
                  date=time.strftime("%Y-%m-%d %H:%M", time.gmtime()))
    known, usual = phases(o, program, plugins, baseline, result)
    wanted = o.only.split(",") if o.only else usual
    if unknown := [name for name in wanted if name not in known]:
        raise SystemExit(f"there is no phase {', '.join(unknown)}\nhint: {', '.join(known)}")
    for name in wanted:
        load = quiet(o.load)
        say(f"{name} (load average {load:.2f})")
        result.setdefault("load", {})[name] = load
        known[name]()
        o.json.write_text(json.dumps(result, indent=1))
    print(table.text(result))


if __name__ == "__main__":
    main()
