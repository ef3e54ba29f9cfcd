"""What the parts of a soak stand on: its directory, what was built, the servers and processes that it starts and ends."""
import contextlib
import json
import os
import socket
import subprocess

from harness.process import Failure, Process, environment

ANALYSIS_SECONDS = 900
DEFAULT_RING_BYTES = 256 << 20
WARM_UP_SECONDS = 240
STACKS_SECONDS = 1200


class Ground:
    def __init__(self, root, directory, seconds, ring):
        self.root = root
        self.build = os.path.join(root, "build")
        self.directory, self.seconds, self.ring = directory, seconds, ring

    def ring_bytes(self):
        return int(self.ring[:-1]) << {"K": 10, "M": 20}[self.ring[-1]] if self.ring else DEFAULT_RING_BYTES

    def is_short(self):
        """Too short for some things to come to rest, or for a hundred requests a second to fill a ring."""
        return self.seconds < WARM_UP_SECONDS

    def warm_up_kib(self, stacks=False):
        """What the later half of a run of seconds may still add. Threads that record every allocation learn stacks
        until their memory for them has come round; that takes minutes."""
        if stacks and self.seconds < STACKS_SECONDS:
            return 16384
        return 4096 if self.is_short() else 256

    def tool(self, name):
        return os.path.join(self.build, name)

    def subdirectory(self, *names):
        path = os.path.join(self.directory, *names)
        os.makedirs(path, exist_ok=True)
        return path

    def shim(self, captures, **settings):
        """The environment that preloads it; settings are LEAKEY_ variables."""
        return {"LD_PRELOAD": self.tool("libleakey.so"), "LEAKEY_OUTPUT": captures,
                **({"LEAKEY_RING": self.ring} if self.ring else {}),
                **{"LEAKEY_" + name.upper(): value for name, value in settings.items()}}

    def start(self, name, command, extra=None):
        return Process(command, self.subdirectory(name), extra)

    @contextlib.contextmanager
    def redis(self, name):
        """A server of its own, bounded; gives the path of its socket."""
        path = os.path.join(self.subdirectory(name), "redis.sock")
        server = self.start(name, [
            "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--appendonly", "no", "--maxmemory",
            "64mb", "--maxmemory-policy", "allkeys-lru", "--maxclients", "10000"])
        try:
            server.wait_until(lambda: answers(path), 30, "an answer")
            yield path
        finally:
            server.end()

    def leakey(self, name, *arguments, seconds=ANALYSIS_SECONDS, watch_memory=False):
        process = self.start(name, [self.tool("leakey"), *arguments])
        return process.wait(seconds, watch_memory=watch_memory)

    def report(self, name, captures):
        return json.loads(self.leakey(name, "report", "--format", "json", captures).output)


def answers(path):
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as peer:
        try:
            peer.connect(path)
            peer.sendall(b"PING\r\n")
            return peer.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def commandstats(path):
    """{"GET": calls, ...}: the server's truth."""
    said = subprocess.run(["redis-cli", "-s", path, "info", "commandstats"], env=environment({}),
                          capture_output=True, text=True, check=True).stdout
    found = {}
    for line in said.split():
        if line.startswith("cmdstat_"):
            name, _, rest = line[len("cmdstat_"):].partition(":")
            found[name.upper()] = int(rest.split(",")[0].partition("=")[2])
    return found


def truth_of(process):
    """What a program printed at its end, which it comes to on a SIGTERM."""
    process.terminate()
    outcome = process.wait(24 * 3600)
    try:
        return json.loads(outcome.output.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise Failure("%s: no truth in its output" % process.name) from error
