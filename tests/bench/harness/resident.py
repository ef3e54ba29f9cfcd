"""What the shim adds to a process's resident memory in sampled mode, from /proc/PID/smaps."""
import re
import subprocess

from . import spread
from .process import Failure, Process
from .variants import PLAIN, VARIANTS
from .workloads import in_turn

THREADS = (1, 16, 256)
PAIRS = 5_000_000  # of all threads together
VARIANT = "leakey-512k"

# Which part of the process a mapping belongs to, by its path.
PARTS = (
    ("shim", re.compile(r"/libleakey\.so$")),
    ("capture", re.compile(r"\.leakey$")),
    ("unwinder", re.compile(r"/lib(unwind|lzma)[^/]*$")),
    ("other files", re.compile(r"^/")),
    ("anonymous", re.compile(r"")),
)


def parts_of(smaps):
    """KiB resident by part, and their "total"."""
    parts = dict.fromkeys([name for name, _ in PARTS] + ["total"], 0)
    part = None
    for line in smaps.splitlines():
        mapping = re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)", line)
        if mapping:
            part = next(name for name, path in PARTS if path.search(mapping.group(1)))
        elif line.startswith("Rss:"):
            parts[part] += int(line.split()[1])
            parts["total"] += int(line.split()[1])
    return parts


class Resident:
    name = "resident"
    about = "resident memory added in sampled mode (512 KiB)"

    def __init__(self, session, scale):
        self.session, self.scale = session, scale
        self.variants = [each for each in VARIANTS if each.name in (PLAIN, VARIANT)]
        # samples[threads][variant]: one a round, a dictionary of parts or None
        self.samples = {count: {each.name: [] for each in self.variants} for count in THREADS}
        self.failures = []

    def run_round(self, turn):
        for threads in THREADS:
            for variant in in_turn(self.variants, turn):
                try:
                    measured = self._measure(variant, threads)
                except Failure as failure:
                    measured = None
                    self.failures.append("resident, %d threads, %s: %s" %
                                         (threads, variant.name, failure))
                self.samples[threads][variant.name].append(measured)

    def _measure(self, variant, threads):
        pairs = max(1, int(PAIRS * self.scale / threads))
        command = [self.session.build + "/bench/resident", str(pairs), str(threads)]
        with self.session.directory() as directory:
            settings = self.session.host.environment(variant, directory)
            process = Process(command, directory, settings, stdin=subprocess.PIPE)
            try:
                process.wait_until(lambda: process.read() == "ready\n", 60, '"ready"')
                with open("/proc/%d/smaps" % process.pid) as stream:
                    parts = parts_of(stream.read())
                process.stdin.close()
                process.wait()
            finally:
                process.end()
        if (parts["shim"] > 0) != (variant.name != PLAIN):
            raise Failure("the shim is %sthere" % ("not " if variant.name != PLAIN else ""))
        return parts

    def _series(self, threads, variant, part):
        return [each and each[part] for each in self.samples[threads][variant]]

    def added_kib(self, threads):
        """The spread of what leakey adds in all."""
        return spread.difference(self._series(threads, VARIANT, "total"),
                                 self._series(threads, PLAIN, "total"))

    def parts_kib(self, threads):
        """The median of each part's addition."""
        added = {}
        for part, _ in PARTS:
            found = spread.difference(self._series(threads, VARIANT, part),
                                      self._series(threads, PLAIN, part))
            added[part] = found and found.median
        return added
