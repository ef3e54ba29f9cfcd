"""Starts, watches and ends one process. Whatever goes wrong is a Failure with the reason."""
import contextlib
import os
import re
import signal
import subprocess
import time
from typing import NamedTuple

TIMEOUT_SECONDS = 180
POLL_SECONDS = 0.005
KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR")


class Failure(Exception):
    pass


class Outcome(NamedTuple):
    seconds: float  # from its start to its end
    output: str
    errors: str
    peak_kib: int       # resident, file pages included
    peak_anonymous_kib: int


def environment(extra):
    """A small one, so that no setting of the caller's shell has a part in what is measured."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, "LC_ALL": "C", **extra}


@contextlib.contextmanager
def _on_core(core):
    """What is started meanwhile stays on that core, with all its threads."""
    before = os.sched_getaffinity(0)
    if core is not None:
        os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Process:
    """Output and errors go to files in `directory`, so that no pipe can fill and stop it. It leads
    a session of its own, so that a shell pipeline ends as one."""

    def __init__(self, command, directory, extra=None, core=None, stdin=subprocess.DEVNULL):
        self.name = os.path.basename(command[0])
        self._paths = [os.path.join(directory, self.name + end) for end in (".out", ".err")]
        self._started = time.monotonic()
        with open(self._paths[0], "wb") as output, open(self._paths[1], "wb") as errors, \
                _on_core(core):
            try:
                self._popen = subprocess.Popen(
                    command, cwd=directory, env=environment(extra or {}), stdin=stdin,
                    stdout=output, stderr=errors, start_new_session=True)
            except OSError as error:
                raise Failure("%s: %s" % (command[0], error.strerror)) from error
        self.pid = self._popen.pid
        self.stdin = self._popen.stdin

    def read(self, which=0):
        with open(self._paths[which], errors="replace") as stream:
            return stream.read()

    def _ended(self):
        return self._popen.poll() is not None

    def wait(self, timeout=TIMEOUT_SECONDS, watch_memory=False, expected=(0,)):
        """Waits for its end. With watch_memory it looks every few milliseconds at what it has
        resident; the kernel's own maximum would count this interpreter, which forked it. Whatever
        breaks off the waiting, a signal to this program for one, ends the process too."""
        try:
            return self._wait(timeout, watch_memory, expected)
        finally:
            self.end()

    def _wait(self, timeout, watch_memory, expected):
        peaks = [0, 0]
        if watch_memory:
            while not self._ended():
                peaks = [max(pair) for pair in zip(peaks, _resident(self.pid))]
                self._check_time(timeout)
                time.sleep(POLL_SECONDS)
        try:
            status = self._popen.wait(max(timeout - (time.monotonic() - self._started), 0.1))
        except subprocess.TimeoutExpired:
            self._check_time(0)
        seconds = time.monotonic() - self._started
        if status not in expected:
            said = self.read(1).strip().splitlines()
            raise Failure("%s ended with status %d%s" %
                          (self.name, status, ": " + said[-1] if said else ""))
        return Outcome(seconds, self.read(0), self.read(1), *peaks)

    def _check_time(self, timeout):
        if time.monotonic() - self._started > timeout:
            self.end()
            raise Failure("%s took longer than %.0f s" % (self.name, TIMEOUT_SECONDS))

    def wait_until(self, ready, seconds, what):
        """Until ready() is true, while the process lives."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self._ended() or time.monotonic() > deadline:
                raise Failure("%s: %s did not come: %s" % (self.name, what, self.read(1)[-200:]))
            time.sleep(POLL_SECONDS)

    def terminate(self):
        self._popen.terminate()

    def end(self):
        """Ends it, and what it started, at once; for one that is over already nothing happens."""
        if not self._ended():
            os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait()


def _resident(pid):
    """The highest resident memory so far, and the present anonymous part of it, in KiB."""
    try:
        with open("/proc/%d/status" % pid) as stream:
            status = stream.read()
    except OSError:
        return 0, 0
    fields = dict(re.findall(r"^(VmHWM|RssAnon):\s+(\d+)", status, re.MULTILINE))
    return int(fields.get("VmHWM", 0)), int(fields.get("RssAnon", 0))
