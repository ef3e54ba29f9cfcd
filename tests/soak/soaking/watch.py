"""Looks at processes every now and then, in a thread of its own, until it is closed."""
import threading
import time

from . import memory


class Series:
    def __init__(self):
        self.times, self.samples = [], []

    def of(self, name):
        return self.times, [each[name] for each in self.samples]


class Watch:
    """`pids` is {name: pid}; `series[name]` holds what was seen."""

    def __init__(self, pids, every_seconds):
        self.series = {name: Series() for name in pids}
        self._pids, self._every = pids, every_seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.wait(self._every):
            for name, pid in self._pids.items():
                try:
                    seen = memory.look(pid)
                except memory.Gone:
                    continue
                self.series[name].times.append(time.monotonic())
                self.series[name].samples.append(seen)

    def close(self):
        self._over.set()
        self._thread.join()
