"""What the measurement needs of the outside: processes, what they use, and a few Redis commands. Standard library only."""
import os
import signal
import socket
import subprocess
import time

TICKS = os.sysconf("SC_CLK_TCK")


class Redis:
    """One connection; replies as Python values, texts decoded."""

    def __init__(self, port):
        self.file = socket.create_connection(("127.0.0.1", port), timeout=10).makefile("rwb")

    def __call__(self, *words):
        parts = [str(word).encode() for word in words]
        self.file.write(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts))
        self.file.flush()
        return self._reply()

    def _reply(self):
        line = self.file.readline()[:-2]
        kind, rest = line[:1], line[1:].decode()
        if kind == b"-":
            raise RuntimeError(rest)
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == "-1" else self.file.read(int(rest) + 2)[:-2].decode()
        return [self._reply() for _ in range(int(rest))]

    def hash(self, key):
        words = self("HGETALL", key)
        return dict(zip(words[::2], words[1::2]))


class Process:
    """A child of ours, asked to stop with SIGINT and waited for."""

    def __init__(self, words, **options):
        # Settings of the person who runs this must not change what is measured.
        prefixes = ("REDIS_", "TRADING_PAIRS_", "OKX_", "PLUGIN_", "LANE_", "ORDERBOOK_", "API_", "LOG_", "HISTORY_", "INFLUX_", "BACKUP_")
        env = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
        self.child = subprocess.Popen([str(word) for word in words], env=env, **options)

    def cpu_s(self):
        """Processor time used so far, all threads."""
        fields = open(f"/proc/{self.child.pid}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_mb(self):
        for line in open(f"/proc/{self.child.pid}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def stop(self):
        if self.child.poll() is None:
            self.child.send_signal(signal.SIGINT)
            try:
                self.child.wait(20)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def until(true, seconds, what):
    """Waits for a condition; an error that says what didn't happen."""
    deadline = time.monotonic() + seconds
    while not (value := true()):
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: not within {seconds} s")
        time.sleep(0.01)
    return value


def answering_redis(port):
    def ping():
        try:
            redis = Redis(port)
            return redis if redis("PING") == "PONG" else None
        except OSError:
            return None

    return until(ping, 10, "redis-server answers")
