"""The timed workloads. A new one is a row of WORKLOADS, a new way to capture a stack one of
STACK_METHODS and of `methods` in stack_capture.c."""
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
from typing import Callable, NamedTuple, Tuple

from .process import Failure, Process, environment
from .variants import VARIANTS, Host, Variant

PYTHON, PERL = "/usr/bin/python3", "/usr/bin/perl"  # Debian's, whatever stands first in PATH
STACK_METHODS = ("unw_backtrace", "leakey")
STACK_DEPTHS = (10, 20, 40)


class Session:
    """What one `make bench` needs throughout: paths, cores, and a redis-server of its own."""

    def __init__(self, root, scratch):
        self.build = os.path.join(root, "build")
        self.tests = os.path.join(root, "tests/bench")
        self.scratch = scratch
        self.host = Host(self.build)
        self.cores = sorted(os.sched_getaffinity(0))[:2]
        os.sched_setaffinity(0, self.cores)
        self.redis = os.path.join(scratch, "redis.sock")
        self._redis_process = None

    @contextlib.contextmanager
    def directory(self):
        """One run's own; gone with all captures when it is over."""
        path = tempfile.mkdtemp(dir=self.scratch)
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def start_redis(self):
        """On the first core, when a workload first needs it; emptied each time."""
        if not self._redis_process:
            self._redis_process = Process(
                ["redis-server", "--port", "0", "--unixsocket", self.redis, "--save", "",
                 "--appendonly", "no", "--dir", self.scratch], self.scratch, core=self.cores[0])
            self._redis_process.wait_until(lambda: self._ask_redis("PING") == "+PONG", 20,
                                           "its answer")
        answer = self._ask_redis("FLUSHALL")
        if answer != "+OK":
            raise Failure("redis-server: %s" % answer)

    def _ask_redis(self, command):
        """Its answer, or why there is none: at first there is no socket, or nobody listens."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(10)
                connection.connect(self.redis)
                connection.sendall(command.encode() + b"\r\n")
                return connection.recv(100).decode(errors="replace").strip()
        except OSError as error:
            return "%s: %s" % (self.redis, error)

    def close(self):
        if self._redis_process:
            self._redis_process.end()


class Workload(NamedTuple):
    name: str
    about: str
    operation: str                  # what one operation is
    operations: int                 # for half a second to a second and a half without anything
    run: Callable                   # (session, workload, variant, operations) -> ns per operation
    command: Tuple[str, ...] = ()   # {operations}, {build}, {tests}, {redis} are replaced
    environment: Tuple[Tuple[str, str], ...] = ()
    redis: bool = False
    whole: bool = False             # cannot be shortened for slow variants
    contenders: Tuple[Variant, ...] = VARIANTS


def _fill(session, workload, operations):
    known = {"build": session.build, "tests": session.tests, "redis": session.redis,
             "operations": operations}
    return [word.format(**known) for word in workload.command]


def number(output, name):
    """The number of the line "NAME NUMBER" that a workload printed."""
    found = re.search(r"^%s ([0-9.]+)$" % re.escape(name), output, re.MULTILINE)
    if not found:
        raise Failure("no %s in what was printed" % name)
    return float(found.group(1))


def _run_printed(session, workload, variant, operations):
    """The workload times itself."""
    with session.directory() as directory:
        outcome = session.host.run(_fill(session, workload, operations), variant, directory,
                                   dict(workload.environment))
    return number(outcome.output, "ns_per_op")


def _run_capture(session, workload, method, operations):
    """A contender is not a variant here but a method of stack_capture."""
    command = [word.replace("{method}", method.name) for word in workload.command]
    plain = Variant(method.name, method.about)
    return _run_printed(session, workload._replace(command=tuple(command)), plain, operations)


def compiler_command(source):
    """How g++ would call the compiler proper, which is the process that has the heap: heaptrack
    does not follow it there."""
    said = subprocess.run(["g++", "-###", "-O1", "-S", source, "-o", "/dev/null"],
                          env=environment({}), capture_output=True, text=True, check=False).stderr
    lines = [line for line in said.splitlines() if "/cc1plus" in line]
    if not lines:
        raise Failure("g++ does not say how it calls cc1plus")
    return shlex.split(lines[0])


def _run_compiler(session, workload, variant, _operations):
    command = compiler_command(*_fill(session, workload, 1))
    with session.directory() as directory:
        return session.host.run(command, variant, directory).seconds * 1e9


def _run_service(session, _workload, variant, operations):
    """The service on one core, the load on the other, as fast as two connections can ask."""
    with session.directory() as directory:
        path = os.path.join(directory, "http.sock")
        service = [session.build + "/tests/llm_cache_after", "--socket", path,
                   "--redis", session.redis, "--model-ms", "1"]
        load = [session.build + "/tests/llm_load", "--socket", path, "--concurrency", "2",
                "--requests", str(operations), "--distinct", "100"]
        with session.host.started(service, variant, directory, core=session.cores[-1]) as process:
            process.wait_until(lambda: os.path.exists(path), 20, "its socket")
            loading = Process(load, directory, core=session.cores[0])
            try:
                answered = json.loads(loading.wait().output)
            finally:
                loading.end()
            process.terminate()
            process.wait()
    return answered["seconds"] * 1e9 / answered["requests"]


def _program(name, about, operation, operations, *command, **more):
    return Workload(name, about, operation, operations, _run_printed, command, **more)


WORKLOADS = (
    _program("malloc-1", "16..1024 B, 10 calls deep, one thread", "a free and a malloc", 10_000_000,
             "{build}/bench/malloc_deep", "{operations}", "1"),
    _program("malloc-2", "the same in two threads", "a free and a malloc", 10_000_000,
             "{build}/bench/malloc_deep", "{operations}", "2"),
    _program("tight", "64 B in a tight loop", "a malloc and a free", 60_000_000,
             "{build}/bench/malloc_tight", "{operations}"),
    _program("tree", "a walk with 5,461 different stacks", "a malloc and a free", 40_000_000,
             "{build}/bench/malloc_tree", "{operations}"),
    _program("many-live", "one of 1,000,000 live blocks is replaced", "a free and a malloc",
             3_000_000, "{build}/bench/many_live", "{operations}", "1000000"),
    _program("python", "python3 with PYTHONMALLOC=malloc", "100 records", 1500,
             PYTHON, "{tests}/workload.py", "{operations}",
             environment=(("PYTHONMALLOC", "malloc"), ("PYTHONHASHSEED", "1"))),
    _program("perl", "perl", "100 records", 1800, PERL, "{tests}/workload.pl", "{operations}",
             environment=(("PERL_HASH_SEED", "1"), ("PERL_PERTURB_KEYS", "0"))),
    Workload("compile", "cc1plus -O1 of a file with many headers", "the file", 1, _run_compiler,
             ("{tests}/many_headers.cc",), whole=True),
    Workload("service", "the LLM cache service as fast as it answers", "a request", 4000,
             _run_service, redis=True, whole=True),
    _program("hiredis-pipelined", "hiredis, 100 commands a pipeline", "a command", 1_000_000,
             "{build}/bench/redis_client", "{redis}", "pipelined", "{operations}", redis=True),
    _program("hiredis-round-trip", "hiredis, one command after another", "a command", 50_000,
             "{build}/bench/redis_client", "{redis}", "round-trip", "{operations}", redis=True),
    _program("hiredis-cpu", "hiredis, 100 a pipeline, keys of 64 B, values of 1 KiB",
             "CPU of a command", 400_000,
             "{build}/bench/redis_client", "{redis}", "pipelined-cpu", "{operations}", redis=True),
    _program("wire-pipelined-cpu", "the same at the socket, without hiredis", "CPU of a command",
             400_000,
             "{build}/bench/wire_client", "{redis}", "pipelined", "{operations}", redis=True),
    _program("wire-round-trip-cpu", "the same, one command after another", "CPU of a command",
             50_000,
             "{build}/bench/wire_client", "{redis}", "round-trip", "{operations}", redis=True),
    _program("http", "HTTP with keep-alive between two processes, no Redis", "a request", 100_000,
             "{build}/bench/http_load", "{operations}"),
) + tuple(
    Workload("stack-%d" % depth, "the same stack of %d calls captured again and again" % depth,
             "a capture", 5_000_000, _run_capture,
             ("{build}/bench/stack_capture", "{method}", "{operations}", str(depth)),
             contenders=tuple(Variant(method, method) for method in STACK_METHODS))
    for depth in STACK_DEPTHS)

LEAST_WHOLE_SHARE = 1 / 10


def left_out(workload, variant):
    """Why `variant` is not asked to run `workload`, or None."""
    if variant.only and workload.name not in variant.only:
        return "left out: it is for %s only" % ", ".join(variant.only)
    if workload.whole and variant.share < LEAST_WHOLE_SHARE:
        return "left out: too slow for a workload that cannot be shortened"
    return None


def operations_of(workload, variant, scale):
    share = 1 if workload.whole else variant.share
    return max(1, int(workload.operations * share * scale))


def in_turn(contenders, turn):
    """The contenders of one round: each round starts with the next, and every other goes
    backwards, so that none always follows the same one."""
    step = -1 if turn % 2 else 1
    return [contenders[(turn + step * i) % len(contenders)] for i in range(len(contenders))]


class Timing:
    """One workload's measurements: samples[variant] has one time a round, None where it failed."""

    def __init__(self, session, workload, scale, chosen):
        self.session, self.workload, self.scale = session, workload, scale
        self.reasons = {}  # of what has no samples
        self.samples = {}
        self.failures = []
        for variant in workload.contenders:
            if workload.contenders is VARIANTS and not chosen(variant):
                continue
            reason = left_out(workload, variant)
            if reason:
                self.reasons[variant.name] = reason
            else:
                self.samples[variant.name] = []

    @property
    def name(self):
        return self.workload.name

    def operations(self, variant):
        return operations_of(self.workload, variant, self.scale)

    def give_up_on(self, variant, reason):
        if self.samples.pop(variant.name, None) is not None:
            self.reasons[variant.name] = "could not be measured: " + reason

    def run_round(self, turn):
        wanted = [each for each in self.workload.contenders if each.name in self.samples]
        for variant in in_turn(wanted, turn):
            self.samples[variant.name].append(self._run(variant))

    def _run(self, variant):
        try:
            if self.workload.redis:
                self.session.start_redis()
            return self.workload.run(self.session, self.workload, variant,
                                     self.operations(variant))
        except Failure as failure:
            self.failures.append("%s under %s: %s" % (self.name, variant.name, failure))
            return None
