"""The figures of a run as Markdown tables."""


def us(latency):
    return f"{latency['p50']:.0f} · {latency['p99']:.0f} · {latency['max']:.0f}"


def spread(runs, lane, key):
    values = sorted(run["latency"][lane][key] for run in runs)
    return f"{values[0]:.0f}-{values[-1]:.0f}" if values[0] != values[-1] else f"{values[0]:.0f}"


def spreads(runs, lane):
    return " · ".join(spread(runs, lane, key) for key in ("p50", "p99", "max"))


def median(runs, lane, key):
    values = sorted(run["latency"][lane][key] for run in runs)
    return values[len(values) // 2]


def text(result):
    load = ", ".join(f"{name} {value:.2f}" for name, value in result["load"].items())
    lines = [f"{result['date']} UTC, {result['machine']}, {result['cores']} cores, Linux {result['system']}, Python {result['python']}; load average before "
             f"each phase: {load}", ""]
    lines += latencies(result) + [""] + work(result)
    return "\n".join(lines)


def latencies(result):
    lines = ["| frame received → Redis acknowledged, µs: p50 · p99 · max | memory lane | through the List |", "|---|---|---|"]
    baseline, runs = result.get("baseline", {}), result.get("paced", [])

    def row(name, memory, buffered):
        lines.append(f"| {name} | {memory} | {buffered} |")

    for name, run in baseline.items():
        row(f"baseline {name}, 100 frames/s evenly", us(run["phases"]["paced"]["memory_us"]), us(run["phases"]["paced"]["list_us"]))
    if runs:
        row(f"**Leadline**, 100 frames/s, {len(runs)} runs", spreads(runs, "memory"), spreads(runs, "buffered"))
    if "whole" in result:
        row("**Leadline**, the same over the whole file", us(result["whole"]["latency"]["memory"]), us(result["whole"]["latency"]["buffered"]))
    if "aof" in result:
        row("**Leadline**, the same, Redis with an append-only file", us(result["aof"]["latency"]["memory"]), us(result["aof"]["latency"]["buffered"]))
    for name, run in baseline.items() if runs else ():
        phase = run["phases"]["paced"]
        times = [" · ".join(f"{phase[of][key] / median(runs, lane, key):.1f}" for key in ("p50", "p99"))
                 for of, lane in (("memory_us", "memory"), ("list_us", "buffered"))]
        row(f"baseline {name} / Leadline (median run): p50 · p99", *times)
    for name, run in baseline.items():
        row(f"baseline {name}, ten at once every 100 ms", us(run["phases"]["burst"]["memory_us"]), us(run["phases"]["burst"]["list_us"]))
    if burst := result.get("burst"):
        row(f"**Leadline**, ten at once every 100 ms, {len(burst)} runs", spreads(burst, "memory"), spreads(burst, "buffered"))
    return lines


def work(result):
    lines = ["| | frames/s, everything on | CPU µs a frame at 100 frames/s | resident MB |", "|---|---|---|---|"]
    for name, run in result.get("baseline", {}).items():
        phase, top = run["phases"]["paced"], run["phases"]["sustained"]
        cpu = {k: v / phase["frames"] * 1e6 for k, v in phase["cpu_s"].items()}
        fast = {k: v / top["frames"] * 1e6 for k, v in top["cpu_s"].items()}
        lines.append(f"| baseline {name} | {top['fps']:.0f} (CPU µs a frame then: {listed(fast)}) | {listed(cpu)} | {listed(phase['rss_mb'])} |")
    runs = result.get("paced", []) + ([result["whole"]] if "whole" in result else [])
    last, top = runs[-1] if runs else None, result.get("sustained")
    fast = f"{top['rate']:.0f} (CPU µs a frame then: {listed(top['cpu_us'])})" if top else "-"
    if last:
        lines.append(f"| **Leadline** | {fast} | {listed(last['cpu_us'])} | {listed(last['rss_mb'])} |")
    if top:
        lines.append(f"\nFastest pace at which nothing is lost, {top['speed']} times: {counted(top)}.")
    if result.get("too_fast"):
        lines.append(f"{result['too_fast']['speed']} times is too fast: {counted(result['too_fast'])}.")
    if "replay_s" in result:
        lines.append(f"`leadline replay`, four analyses, no Redis: {result['frames'] / result['replay_s']:.0f} frames/s. "
                     f"`leadline verify`: {result['verify_s'] / result['frames'] * 1e6:.2f} µs a frame, file and all.")
    if "libraries" in result:
        lines.append("Libraries on the same frames: " + "; ".join(f"{name} {value}" for name, value in library_rows(result["libraries"])) + ".")
    if runs:
        lines.append(f"First reading {max(run['first_reading_s'] for run in runs):.2f} s after the start. At 100 frames/s: {counted(last)}.")
    return lines


def listed(values):
    return " + ".join(f"{name} {value:.0f}" for name, value in values.items())


def counted(run):
    return ", ".join(f"{name} {value}" for name, value in run["counters"].items())


def library_rows(rows):
    for row in rows:
        yield row["name"], f"{row['median_us']:.1f} µs"
