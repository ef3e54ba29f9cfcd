"""What is to be reached, as a table, and whether it was. Pure: numbers in, sentences out.

A verdict is True (met), False (missed) or None (open: not measured, or not finely enough). A target
is never moved to what was measured. The median decides; where the interval reaches across the
limit, that is said.
"""
from typing import Callable, NamedTuple, Optional

from . import spread
from .variants import AGAIN, PLAIN

MIB = 1024  # KiB

# "Not resolvable" is only worth saying when the run can tell so much apart.
COARSEST_RESOLUTION = 0.05


class Results(NamedTuple):
    """What was measured: Timing by workload name, and Resident and Analysis, or None."""
    timings: dict
    resident: Optional[object]
    analysis: Optional[object]

    def samples(self, workload, variant):
        timing = self.timings.get(workload)
        return timing.samples.get(variant) if timing else None


class Verdict(NamedTuple):
    met: Optional[bool]
    measured: str
    words: str

    def as_json(self, what, target):
        return {"what": what, "target": target, "measured": self.measured, "met": self.met,
                "verdict": self.words}


class Target(NamedTuple):
    what: str
    target: str
    judge: Callable  # (Results) -> Verdict


NOT_MEASURED = Verdict(None, "-", "not measured")
REACHES_ACROSS = "; the interval reaches across the target"


def show(value):
    """Three significant digits, four around 1, where the third says nothing."""
    if 0.9 <= value < 1.1:
        return "%.3f" % value
    return "%.2f" % value if value < 10 else "%.1f" % value if value < 100 else "%.0f" % value


def show_spread(measured):
    return "%s (%s .. %s)" % (show(measured.median), show(measured.low), show(measured.high))


def at_most(measured, limit, unit=""):
    if measured is None:
        return NOT_MEASURED
    met = measured.median <= limit
    words = "met" if met else "missed by %s%s" % (show(measured.median - limit), unit)
    if measured.low <= limit < measured.high:
        words += REACHES_ACROSS
    return Verdict(met, show_spread(measured) + unit, words)


def at_least(measured, limit):
    if measured is None:
        return NOT_MEASURED
    met = measured.median >= limit
    words = "met" if met else "missed by a factor of %s" % show(limit / measured.median)
    if measured.low < limit <= measured.high:
        words += REACHES_ACROSS
    return Verdict(met, show_spread(measured), words)


def _paired(compare, results, *which):
    """compare() of the samples of each (workload, variant); None when one of them is missing."""
    series = [results.samples(workload, variant) for workload, variant in which]
    return None if None in series else compare(*series)


def ratio_at_most(workload, variant, limit, base=PLAIN):
    def judge(results):
        return at_most(_paired(spread.ratio, results, (workload, variant), (workload, base)), limit)
    return judge


def added_at_most(workload, variant, peer, limit):
    def judge(results):
        least = _paired(spread.resolution, results, (workload, AGAIN), (workload, PLAIN))
        series = [results.samples(workload, each) for each in (variant, peer, PLAIN)]
        if None in series:
            return NOT_MEASURED
        share = spread.added_share(*series, least)
        if share is None:
            return Verdict(None, "-", "open: what %s adds is not resolved" % peer)
        return at_most(share, limit)
    return judge


def ns_added_at_most(workload, variant, limit):
    """Of what one operation costs beside plain, in nanoseconds."""
    def judge(results):
        added = _paired(spread.difference, results, (workload, variant), (workload, PLAIN))
        return at_most(added, limit, " ns")
    return judge


def not_resolvable(workload, variant):
    """Met when a difference from plain cannot be told, or when it is faster."""
    def judge(results):
        measured = _paired(spread.ratio, results, (workload, variant), (workload, PLAIN))
        if measured is None:
            return NOT_MEASURED
        least = _paired(spread.resolution, results, (workload, AGAIN), (workload, PLAIN))
        if not spread.resolved(measured, least):
            far = max(least or 0, measured.high - 1, 1 - measured.low)
            fine = far <= COARSEST_RESOLUTION
            words = "%s: not resolved from 1, to %.1f %%" % ("met" if fine else "open", 100 * far)
            return Verdict(fine or None, show_spread(measured), words)
        met = measured.median < 1
        return Verdict(met, show_spread(measured), "met: faster" if met else
                       "missed: slower by %.1f %%" % (100 * (measured.median - 1)))
    return judge


def times_faster(workload, method, peer, limit):
    def judge(results):
        return at_least(_paired(spread.ratio, results, (workload, peer), (workload, method)), limit)
    return judge


def resident_at_most(threads, limit_mib):
    def judge(results):
        added = results.resident and results.resident.added_kib(threads)
        if not added:
            return NOT_MEASURED
        in_mib = added._replace(median=added.median / MIB, low=added.low / MIB,
                                high=added.high / MIB)
        return at_most(in_mib, limit_mib, " MiB")
    return judge


def analysis_faster(case, limit):
    def judge(results):
        return at_least(results.analysis and results.analysis.times_faster(case), limit)
    return judge


def growth_at_most(limit):
    def judge(results):
        return at_most(results.analysis and results.analysis.growth(), limit)
    return judge


ALL, RAW = "leakey-all", "heaptrack-raw"

TARGETS = (
    Target("sampled 512 KiB: malloc depth 10", "1.05",
           ratio_at_most("malloc-1", "leakey-512k", 1.05)),
    Target("sampled 512 KiB: tight loop", "1.15", ratio_at_most("tight", "leakey-512k", 1.15)),
    Target("sampled 512 KiB: the cache service", "not resolvable from 1.00",
           not_resolvable("service", "leakey-512k")),
    Target("sampled 4 KiB: malloc depth 10", "1.25", ratio_at_most("malloc-1", "leakey-4k", 1.25)),
    Target("the same, of jemalloc's time with libunwind at 4 KiB", "1/2",
           ratio_at_most("malloc-1", "leakey-4k", 0.5, base="jemalloc-unwind-4k")),
    Target("every allocation: time added, of heaptrack raw's, 1 thread", "1/5",
           added_at_most("malloc-1", ALL, RAW, 1 / 5)),
    Target("the same, 2 threads", "1/10", added_at_most("malloc-2", ALL, RAW, 1 / 10)),
    Target("the same, C++ compile", "1/2", added_at_most("compile", ALL, RAW, 1 / 2)),
) + tuple(
    # Its row comes with the method `leakey` of stack_capture; that the stacks are the right ones is
    # counted by the tests that run the checker.
    Target("stack capture, repeated stacks, depth %d: times faster than unw_backtrace" % depth,
           "10", times_faster("stack-%d" % depth, "leakey", "unw_backtrace", 10))
    for depth in (10, 20, 40)
) + (
    Target("hiredis pipelined x100", "1.05",
           ratio_at_most("hiredis-pipelined", "leakey-512k", 1.05)),
    Target("hiredis round trip", "not resolvable from 1.00",
           not_resolvable("hiredis-round-trip", "leakey-512k")),
    Target("hiredis pipelined x100, key 64 B, value 1 KiB: CPU added", "150 ns",
           ns_added_at_most("hiredis-cpu", "leakey-512k", 150)),
    Target("the same, with a ring that is full", "150 ns",
           ns_added_at_most("hiredis-cpu", "leakey-full-ring", 150)),
    Target("the wire, pipelined x100: CPU added", "400 ns",
           ns_added_at_most("wire-pipelined-cpu", "leakey-512k", 400)),
    Target("the same, with a ring that is full", "400 ns",
           ns_added_at_most("wire-pipelined-cpu", "leakey-full-ring", 400)),
    Target("the wire, round trip: CPU added", "400 ns",
           ns_added_at_most("wire-round-trip-cpu", "leakey-512k", 400)),
    Target("HTTP with keep-alive, no Redis", "not resolvable from 1.00",
           not_resolvable("http", "leakey-512k")),
) + tuple(
    Target("resident memory added, sampled, threads: %d" % threads, "16 MiB",
           resident_at_most(threads, 16)) for threads in (1, 16, 256)
) + (
    Target("analysis, 10 k live: times heaptrack_print's events per second", "10",
           analysis_faster("10k", 10)),
    Target("the same, 1 M live", "10", analysis_faster("1m", 10)),
    Target("analysis: memory with 4 times the events, same blocks and sites", "1.10",
           growth_at_most(1.1)),
)


def verdicts(results):
    return [(each, each.judge(results)) for each in TARGETS]
