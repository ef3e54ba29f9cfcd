"""What `make bench` prints. Pure: measurements in, lines out."""
from . import spread
from .analysis import ANALYSERS, CASES, LARGE, QUARTER
from .resident import THREADS
from .targets import MIB, show, show_spread
from .variants import AGAIN

UNITS = (("s", 1e9), ("ms", 1e6), ("us", 1e3), ("ns", 1))


def duration(ns):
    unit, size = next(((unit, size) for unit, size in UNITS if ns >= size), UNITS[-1])
    return "%.*f %s" % (1 if ns / size >= 100 else 2 if ns / size >= 10 else 3, ns / size, unit)


def interval(measured):
    return "%s .. %s" % (show(measured.low), show(measured.high))


def _present(samples):
    return [each for each in samples if each is not None]


def _row(*cells):
    return ("  %-20s %11s %8s  %-16s  %s" % cells).rstrip()


class TimingTable:
    """One workload. The first contender, plain mostly, is what the others are divided by."""

    def __init__(self, timing):
        self.timing = timing
        self.samples = timing.samples
        self.base = self.samples[timing.workload.contenders[0].name]
        again = self.samples.get(AGAIN)
        self.resolution = spread.resolution(again, self.base) if again else None

    def against_base(self, variant):
        """Of the variant's own base: jemalloc's profiler beside jemalloc."""
        other = self.samples.get(variant.base)
        return spread.ratio(self.samples[variant.name], other) if other else None

    def added(self, variant):
        """What leakey adds, of what heaptrack adds at its cheapest."""
        peer = self.samples.get("heaptrack-raw")
        if variant.name != "leakey-all" or not peer or not _present(peer):
            return None
        return spread.added_share(self.samples[variant.name], peer, self.base, self.resolution)

    def remarks(self, variant, measured):
        said = []
        if not spread.resolved(measured, self.resolution):
            said.append("could not resolve from 1")
        against = self.against_base(variant)
        if against:
            said.append("%s of %s" % (show_spread(against), variant.base))
        share = self.added(variant)
        if share:
            said.append("adds %s of what heaptrack-raw adds" % show_spread(share))
        elif variant.name == "leakey-all" and self.samples.get("heaptrack-raw"):
            said.append("could not resolve what heaptrack-raw adds")
        return "; ".join(said)

    def _line(self, variant):
        name = variant.name
        if name in self.timing.reasons:
            return _row(name, "-", "-", "", self.timing.reasons[name])
        if name not in self.samples:
            return None
        present = _present(self.samples[name])
        if not present:
            return _row(name, "-", "-", "", "failed, see below")
        median = duration(spread.of(present).median)
        measured = spread.ratio(self.samples[name], self.base)
        if self.samples[name] is self.base or not measured:
            return _row(name, median, "", "", "")
        if name == AGAIN:
            remark = "the resolution: %.1f %%" % (100 * self.resolution)
        else:
            remark = self.remarks(variant, measured)
        return _row(name, median, show(measured.median), interval(measured), remark)

    def lines(self):
        workload = self.timing.workload
        yield "%s: %s (time of %s)" % (workload.name, workload.about, workload.operation)
        yield _row("", "time", "ratio", "interval", "")
        yield from filter(None, map(self._line, workload.contenders))

    def as_json(self):
        workload = self.timing.workload
        return {
            "name": workload.name, "about": workload.about, "operation": workload.operation,
            "resolution_ratio": self.resolution,
            "contenders": [self._contender_json(each) for each in workload.contenders
                           if each.name in self.samples or each.name in self.timing.reasons],
        }

    def _contender_json(self, variant):
        samples = self.samples.get(variant.name)
        found = {"name": variant.name, "about": variant.about, "samples_ns": samples,
                 "unavailable": self.timing.reasons.get(variant.name)}
        measured = samples and spread.ratio(samples, self.base)
        if not measured:
            return found
        against, added = self.against_base(variant), self.added(variant)
        return {
            **found,
            "operations_count": self.timing.operations(variant),
            "median_ns": spread.of(_present(samples)).median,
            "ratio": measured.as_json(),
            "resolved": spread.resolved(measured, self.resolution),
            "base": variant.base,
            "base_ratio": against and against.as_json(),
            "added_share_of_heaptrack_raw": added and added.as_json(),
        }


def resident_lines(resident):
    yield "%s: %s" % (resident.name, resident.about)
    yield "  %-12s %10s  %-18s  %s" % ("threads", "MiB", "interval", "of these")
    for threads in THREADS:
        added = resident.added_kib(threads)
        if not added:
            yield "  %-12d %10s" % (threads, "failed")
            continue
        parts = resident.parts_kib(threads)
        yield "  %-12d %10.2f  %-18s  %s" % (
            threads, added.median / MIB,
            "%.2f .. %.2f" % (added.low / MIB, added.high / MIB),
            ", ".join("%s %.2f" % (part, kib / MIB) for part, kib in parts.items()))


def resident_json(resident):
    return [{"threads_count": threads, "variant": variant, "samples_kib": samples}
            for threads, variants in resident.samples.items()
            for variant, samples in variants.items()]


def analysis_lines(analysis):
    yield "%s: %s" % (analysis.name, analysis.about)
    yield "  %-20s %10s %12s %10s  %s" % ("", "time", "events/s", "peak MiB", "of these anonymous")
    for case in CASES:
        recorded = analysis.recorded.get(case.name)
        if not recorded:
            continue
        lost = recorded["events"] - recorded["kept"]
        yield "  %s, %.3g M events%s" % (
            analysis.about_case(case), recorded["events"] / 1e6,
            ", of which leakey's ring overwrote %.3g M" % (lost / 1e6) if lost else "")
        for analyser in case.analysers:
            yield _analyser_line(analysis, case.name, analyser)
        faster = analysis.times_faster(case.name) if len(case.analysers) > 1 else None
        if faster:
            yield "    leakey's events per second are %s times heaptrack_print's" % \
                show_spread(faster)
    growth = analysis.growth() if {LARGE, QUARTER} <= set(analysis.recorded) else None
    if growth:
        yield "  anonymous memory with 4 times the events: %s times" % show_spread(growth)


def _analyser_line(analysis, case, analyser):
    if analyser in analysis.reasons:
        return "    %-18s could not be measured: %s" % (analyser, analysis.reasons[analyser])
    medians = {field: spread.of(_present(analysis.series(case, analyser, field)))
               for field in ("seconds", "peak_kib", "peak_anonymous_kib")}
    if not medians["seconds"]:
        return "    %-18s failed" % analyser
    rate = spread.of(_present(analysis.rates(case, analyser)))
    return "    %-18s %10s %10.3g M %10.1f  %.1f" % (
        analyser, duration(medians["seconds"].median * 1e9), rate.median / 1e6,
        medians["peak_kib"].median / MIB, medians["peak_anonymous_kib"].median / MIB)


def analysis_json(analysis):
    cases = []
    for case in CASES:
        recorded = analysis.recorded.get(case.name)
        if recorded:
            faster = analysis.times_faster(case.name) if ANALYSERS[1] in case.analysers else None
            cases.append({
                "name": case.name, "about": analysis.about_case(case),
                "events_count": recorded["events"], "kept_events_count": recorded["kept"],
                "samples": analysis.samples[case.name],
                "times_heaptrack_print": faster and faster.as_json(),
            })
    return {"cases": cases, "unavailable": analysis.reasons}


def target_lines(verdicts):
    widths = [max(len(cell) for cell in column) for column in zip(
        *([(each.what, each.target, verdict.measured) for each, verdict in verdicts] +
          [("", "target", "measured")]))]
    for cells in [("", "target", "measured", "")] + [
            (each.what, each.target, verdict.measured, verdict.words)
            for each, verdict in verdicts]:
        yield ("  %-*s  %-*s  %-*s  %s" % (widths[0], cells[0], widths[1], cells[1],
                                           widths[2], cells[2], cells[3])).rstrip()


def target_json(verdicts):
    return [verdict.as_json(each.what, each.target) for each, verdict in verdicts]
