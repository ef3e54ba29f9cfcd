"""What a workload runs under. A new peer is a row of VARIANTS."""
import contextlib
import glob
import os
import shlex
import shutil
from typing import Callable, NamedTuple, Optional, Tuple

from .process import Failure, Process

PLAIN, AGAIN = "plain", "plain-again"


class Variant(NamedTuple):
    name: str
    about: str
    preload: Tuple[str, ...] = ()  # {build} and {heaptrack} are replaced
    environment: Callable = lambda directory: {}
    # How much of the workload's operations it does, so that a slow peer does not take minutes. What
    # is compared is the time of one operation.
    share: float = 1
    base: Optional[str] = None      # another variant that it is compared with besides plain
    reader: Optional[str] = None    # a shell command that reads the fifo `directory`/fifo meanwhile
    leaves: Optional[str] = None    # a file that a run must leave, or it recorded nothing
    only: Tuple[str, ...] = ()      # the workloads it is for, if not for all


def _leakey(sample):
    return lambda directory: {"LEAKEY_SAMPLE": sample, "LEAKEY_OUTPUT": directory}


def _jemalloc(log2_bytes):
    settings = "prof:true,lg_prof_sample:%d" % log2_bytes
    return lambda directory: {"MALLOC_CONF": settings}


def _heaptrack(name):
    return lambda directory: {"DUMP_HEAPTRACK_OUTPUT": os.path.join(directory, name)}


SHIM = ("{build}/libleakey.so",)
JEMALLOC = ("libjemalloc.so.2",)
TCMALLOC = ("libtcmalloc.so.4",)
HEAPTRACK = ("{heaptrack}/libheaptrack_preload.so",)

# In the order of a round; `plain-again` stands far from `plain`, as the others on average do.
# heaptrack-raw is the least that heaptrack can do: its library writes its raw records to a file,
# with none of the processes that its script puts behind a pipe: those of `heaptrack` are here as
# the script starts them.
VARIANTS = (
    Variant(PLAIN, "without anything"),
    Variant("leakey-512k", "leakey, sampled, 512 KiB", SHIM, _leakey("512K")),
    # A service that has run for a while: every page of the ring has been written to before.
    Variant("leakey-full-ring", "leakey, sampled, 512 KiB, its ring full", SHIM,
            lambda directory: {"LEAKEY_SAMPLE": "512K", "LEAKEY_RING": "4M",
                               "LEAKEY_OUTPUT": directory},
            only=("hiredis-cpu", "wire-pipelined-cpu", "wire-round-trip-cpu")),
    Variant("leakey-4k", "leakey, sampled, 4 KiB", SHIM, _leakey("4K"), leaves="*.leakey"),
    Variant("leakey-all", "leakey, every allocation", SHIM, _leakey("all"), leaves="*.leakey"),
    Variant("heaptrack-raw", "heaptrack, raw records to a file", HEAPTRACK, _heaptrack("raw"),
            share=1 / 4, leaves="raw"),
    Variant("heaptrack", "heaptrack, interpreted and compressed", HEAPTRACK, _heaptrack("fifo"),
            share=1 / 6, leaves="interpreted",
            reader="{heaptrack}/libexec/heaptrack_interpret <fifo | zstd -c >interpreted"),
    Variant(AGAIN, "without anything, once more"),
    Variant("jemalloc", "jemalloc", JEMALLOC),
    Variant("jemalloc-prof-512k", "jemalloc, profiling, 512 KiB", JEMALLOC, _jemalloc(19),
            base="jemalloc"),
    Variant("jemalloc-prof-4k", "jemalloc, profiling, 4 KiB", JEMALLOC, _jemalloc(12), share=1 / 4,
            base="jemalloc"),
    Variant("jemalloc-unwind-4k", "jemalloc, profiling with libunwind, 4 KiB",
            ("{build}/bench/jemalloc_libunwind.so",) + JEMALLOC, _jemalloc(12), share=1 / 2,
            base="jemalloc", only=("malloc-1", "malloc-2", "tight", "tree")),
    Variant("tcmalloc", "tcmalloc", TCMALLOC),
    Variant("tcmalloc-prof", "tcmalloc, heap profiler", TCMALLOC,
            lambda directory: {"HEAPPROFILE": os.path.join(directory, "profile")}, share=1 / 2000,
            base="tcmalloc", leaves="profile.*"),
)


EMPTY_BYTES = 64  # what compresses nothing still writes a header


def _is_recorded(directory, pattern):
    found = glob.glob(os.path.join(glob.escape(directory), pattern))
    return any(os.path.getsize(path) > EMPTY_BYTES for path in found)


class Host:
    """Runs commands under variants. `paths` fills in the names in braces."""

    def __init__(self, build):
        script = shutil.which("heaptrack")
        prefix = os.path.dirname(os.path.dirname(os.path.realpath(script))) if script else ""
        self.paths = {"build": build, "heaptrack": os.path.join(prefix, "lib/heaptrack")}

    def environment(self, variant, directory):
        settings = variant.environment(directory)
        preload = [library.format(**self.paths) for library in variant.preload]
        if preload:
            settings["LD_PRELOAD"] = ":".join(preload)
        return settings

    @contextlib.contextmanager
    def started(self, command, variant, directory, extra=None, core=None):
        """A running Process under `variant`; after the block what must have been left is there."""
        reader = None
        if variant.reader:
            os.mkfifo(os.path.join(directory, "fifo"))
            paths = {name: shlex.quote(path) for name, path in self.paths.items()}
            reader = Process(["/bin/sh", "-c", variant.reader.format(**paths)], directory)
        process = None
        try:
            settings = {**self.environment(variant, directory), **(extra or {})}
            process = Process(command, directory, settings, core)
            yield process
            if reader:
                reader.wait()
        finally:
            for each in (process, reader):
                if each:
                    each.end()
        if variant.leaves and not _is_recorded(directory, variant.leaves):
            raise Failure("%s left no %s, so it recorded nothing" % (variant.name, variant.leaves))

    def run(self, command, variant, directory, extra=None):
        with self.started(command, variant, directory, extra) as process:
            return process.wait()

    def unavailable(self, variant, directory):
        """Why `variant` cannot be had on this machine, or None. A library that ld.so does not find
        is left out with a warning, and the workload would run plain. Nothing reads a fifo here: a
        file of its name takes what is written."""
        try:
            outcome = self.run(["/bin/cat", "/proc/self/maps"],
                               variant._replace(leaves=None, reader=None), directory)
        except Failure as failure:
            return str(failure)
        for library in variant.preload:
            name = os.path.basename(library)
            if "/" + name.split(".so")[0] not in outcome.output:
                return "%s is not loaded" % name
        refused = [line for line in outcome.errors.splitlines() if "Invalid conf" in line]
        return refused[0] if refused else None
