"""Looks at processes every now and then, in a thread of its own, until it is closed."""
import threading
import time

from . import memory


class Series:
    def __init__(self):
        self.times, self.samples = [], []

    def of(self, name):
        return self.times, [each[name] for each in self.samples]


SAMPLES = 300      # of a watch
SAMPLES_LEAST = 14  # so that the later half is something to judge by


class Watch:
    """`pids` is {name: pid}; `series[name]` holds what was seen in `seconds`, and longer on a machine that is too busy
    for some samples in that time."""

    def __init__(self, pids, seconds):
        self.series = {name: Series() for name in pids}
        self._pids, self._every = pids, max(seconds / SAMPLES, 0.05)
        self._until = time.monotonic() + seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._over.wait(self._every):
            for name, pid in self._pids.items():
                try:
                    seen = memory.look(pid)
                except memory.Gone:
                    return
                self.series[name].times.append(time.monotonic())
                self.series[name].samples.append(seen)

    def is_over(self):
        return time.monotonic() > self._until and (
            not self._thread.is_alive() or
            all(len(series.times) >= SAMPLES_LEAST for series in self.series.values()))

    def wait(self):
        while not self.is_over():
            time.sleep(0.02)

    def close(self):
        self._over.set()
        self._thread.join()
