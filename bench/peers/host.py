"""Leadline measured: an exchange on loopback, a Redis of its own without persistence (as the baseline has), the host."""
import json
import re
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from wire import Process, answering_redis, free_port, until

ROW = re.compile(r"^(memory|buffered) lane +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)", re.M)


def pairs_offered(url):
    """The spot pairs that an exchange lists."""
    with urlopen(f"{url}/api/v5/public/instruments?instType=SPOT", timeout=10) as answer:
        return sorted(entry["instId"] for entry in json.load(answer)["data"])


def pairs_of(frames):
    """The pairs of a frames file, which begins with their snapshots."""
    with open(frames) as lines:
        return sorted({json.loads(line)["arg"]["instId"] for line, _ in zip(lines, range(10))})


class Host:
    """Everything started; `pairs` None: all that the exchange lists."""

    def __init__(self, program, plugins, feed, pairs, aof=False, more=()):
        self.folder = tempfile.TemporaryDirectory()
        self.processes = []
        port = free_port()
        persistence = ["--save", "", "--appendonly", "yes" if aof else "no"]
        self.redis_server = self._start(["redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", self.folder.name, *persistence],
                                        stdout=subprocess.DEVNULL)
        self.redis = answering_redis(port)
        self.exchange = self._start([program, "simulate", "--listen", "127.0.0.1:0", *feed], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        url = self.exchange.child.stdout.readline().strip()
        rest = url.replace("ws://", "http://").removesuffix("/ws/v5/public")
        self.pairs = pairs or pairs_offered(rest)
        self.redis("SADD", "config:trading_pairs", *self.pairs)
        self.log = open(Path(self.folder.name) / "host.log", "w+")
        self.started = time.monotonic()
        self.host = self._start([program, "run", "--redis-addr", f"127.0.0.1:{port}", "--okx-ws-url", url, "--okx-rest-url", rest, "--plugin-dir", plugins,
                                 "--api-addr", "127.0.0.1:0", "--log-level", "warn", "--history-dir", Path(self.folder.name) / "history", *more], stderr=self.log)

    def _start(self, words, **options):
        self.processes.append(Process(words, **options))
        return self.processes[-1]

    def monitoring(self):
        return self.redis.hash("system:monitoring")

    def first_reading(self):
        """Waits for the first reading of any pair; seconds since the host was started."""
        until(lambda: any(self.redis("EXISTS", f"analysis:{pair}") for pair in self.pairs), 30, "the first reading")
        return time.monotonic() - self.started

    def all_live(self):
        until(lambda: self.monitoring().get("active_pairs") == str(len(self.pairs)), 30, "all pairs are live")

    def through_the_lists(self):
        """Frames that the buffered lane has finished, over all pairs."""
        return sum(int(index) + 1 for pair in self.pairs if (index := self.redis("HGET", f"buffer:{{analysis:{pair}}}:position", "index")))

    def usage(self):
        return {"host": self.host.cpu_s(), "redis": self.redis_server.cpu_s(), "exchange": self.exchange.cpu_s()}

    def stop(self):
        """Stops the host first, so that it says what it measured; then the others."""
        self.host.stop()
        for process in reversed(self.processes):
            process.stop()
        self.log.seek(0)
        text = self.log.read()
        self.log.close()
        self.folder.cleanup()
        rows = {lane: [int(count), *(float(ms) * 1000 for ms in times)] for lane, count, *times in ROW.findall(text)}
        if len(rows) != 2:
            raise SystemExit(f"the host printed no latencies:\n{text}")
        return {lane: dict(zip(("n", "p50", "p99", "p999", "max"), row)) for lane, row in rows.items()}


@contextmanager
def running(*arguments, **options):
    host = Host(*arguments, **options)
    try:
        yield host
    finally:
        for process in reversed(host.processes):
            process.stop()


def paced(program, plugins, feed, pairs, seconds, aof=False):
    """A fixed rate for so long; every reading since the first frame counts, the opening of the plugins with it."""
    with running(program, plugins, feed, pairs, aof=aof) as host:
        first = host.first_reading()
        host.all_live()
        before, frames, began = host.usage(), int(host.monitoring()["frames"]), time.monotonic()
        time.sleep(seconds)
        after, end = host.usage(), host.monitoring()
        took = time.monotonic() - began
        rss = {"host": host.host.rss_mb(), "redis": host.redis_server.rss_mb()}
        frames = int(end["frames"]) - frames
        latency = host.stop()
    return {"latency": latency, "rate": frames / took, "cpu_us": {k: (after[k] - before[k]) / frames * 1e6 for k in after}, "rss_mb": rss,
            "first_reading_s": first, "counters": {k: int(end[k]) for k in COUNTERS}}


COUNTERS = ("frames", "gaps", "resyncs", "frames_dropped", "memory_lane_skipped", "readings_superseded", "buffered_lane_dropped", "faults", "redis_errors")


def at_speed(program, plugins, frames_file, pairs, frames, speed):
    """The whole file at so many times its pace, until the last frame is through the Lists."""
    with running(program, plugins, ["--replay", frames_file, "--speed", speed, "--once"], pairs) as host:
        until(host.through_the_lists, 30, "the first frame is through a List")
        before, done, began = host.usage(), host.through_the_lists(), time.monotonic()
        until(lambda: host.through_the_lists() >= frames or host.exchange.child.poll() is not None, 120, f"{frames} frames are through the Lists")
        took, after = time.monotonic() - began, host.usage()
        time.sleep(1.2)     # system:monitoring is written once a second
        end, done = host.monitoring(), host.through_the_lists() - done
        latency = host.stop()
    return {"rate": done / took, "speed": speed, "latency": latency, "cpu_us": {k: (after[k] - before[k]) / done * 1e6 for k in after},
            "counters": {k: int(end[k]) for k in COUNTERS}}


SPEEDS = (20, 40, 60, 80, 100, 120)

LOST = ("gaps", "frames_dropped", "buffered_lane_dropped", "faults", "redis_errors")


def sustained(program, plugins, frames_file, pairs, frames):
    """The fastest pace at which nothing is lost: every frame through the Lists, and of the memory lane, which skips by design, under
    1 % skipped. Also the first pace that is too fast."""
    best = None
    for speed in SPEEDS:
        run = at_speed(program, plugins, frames_file, pairs, frames, speed)
        counters = run["counters"]
        # Two plugins are on the memory lane: each book is offered twice.
        skipped = counters["memory_lane_skipped"] / (2 * frames)
        if counters["frames"] < frames or any(counters[name] for name in LOST) or skipped > 0.01:
            return best, run
        best = run
    return best, None


def command(program, *words):
    """Seconds that a command takes on the frames file."""
    began = time.monotonic()
    done = subprocess.run([program, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stderr}")
    return time.monotonic() - began
