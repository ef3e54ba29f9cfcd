"""Time and memory of `leakey report` beside heaptrack's analysis of the same program.

Each program is recorded once and analysed once a round. heaptrack splits the work: its interpreter,
which makes symbols of addresses, runs beside the program or later on its raw records, and
heaptrack_print reads what that made. They are measured apart; leakey has to beat the second alone.
"""
import glob
import json
import os
import shutil
from typing import NamedTuple

from . import spread
from .process import Failure, Process
from .variants import VARIANTS
from .workloads import in_turn, number

RING = "4G"  # all of it for the heap, so that every event is still there
ANALYSERS = ("leakey report", "heaptrack_print", "heaptrack_interpret")


class Case(NamedTuple):
    name: str
    live: int
    pairs: int
    analysers: tuple = ANALYSERS


# The last is for the memory: a quarter of the events of the first, with the same blocks and stacks.
CASES = (
    Case("10k", 10_000, 5_000_000),
    Case("1m", 1_000_000, 5_000_000),
    Case("10k-quarter", 10_000, 1_250_000, ANALYSERS[:1]),
)
LARGE, QUARTER = "10k", "10k-quarter"


class Analysis:
    name = "analysis"
    about = "captures of many_live, symbols and printing included"

    def __init__(self, session, scale):
        self.session, self.scale = session, scale
        self.recorded = {}  # by case: {"events", "kept", "directory"}
        self.samples = {case.name: {each: [] for each in case.analysers} for case in CASES}
        self.reasons = {}   # by analyser
        self.failures = []

    def record(self):
        for case in CASES:
            directory = os.path.join(self.session.scratch, "analysis-" + case.name)
            os.mkdir(directory)
            try:
                self.recorded[case.name] = self._record_leakey(case, directory)
            except Failure as failure:
                self.failures.append("analysis, recording %s: %s" % (case.name, failure))
                continue
            if "heaptrack_print" in case.analysers:
                try:
                    self._record_heaptrack(case, directory)
                except Failure as failure:
                    self.reasons.update(dict.fromkeys(ANALYSERS[1:], str(failure)))

    def _live(self, case):
        return max(1, int(case.live * self.scale))

    def about_case(self, case):
        return "{:,} live blocks".format(self._live(case))

    def _program(self, case):
        return [self.session.build + "/bench/many_live", str(max(1, int(case.pairs * self.scale))),
                str(self._live(case))]

    def _record_leakey(self, case, directory):
        variant = next(each for each in VARIANTS if each.name == "leakey-all")
        outcome = self.session.host.run(self._program(case), variant, directory,
                                        {"LEAKEY_RING": RING, "LEAKEY_CACHE": "off"})
        with self.session.directory() as work:
            report = Process(self._command("leakey report", directory) + ["--format", "json"],
                             work).wait().output
        seen = json.loads(report)["captures"][0]["events"]
        events = int(number(outcome.output, "events"))
        kept = seen["recorded_count"] - seen["overwritten_count"]
        if kept < events and seen["overwritten_count"] == 0:
            raise Failure("the capture has %d of %d events" % (kept, events))
        return {"directory": directory, "events": events, "kept": min(kept, events)}

    def _record_heaptrack(self, case, directory):
        """The raw records, and what heaptrack would have made of them beside the program."""
        variant = next(each for each in VARIANTS if each.name == "heaptrack-raw")
        self.session.host.run(self._program(case), variant, directory)
        Process(["/bin/sh", "-c", "\"$0\" <raw | zstd -qc >heaptrack.zst", self._interpreter()],
                directory).wait()

    def _interpreter(self):
        return self.session.host.paths["heaptrack"] + "/libexec/heaptrack_interpret"

    def _command(self, analyser, directory):
        return {
            "leakey report": [self.session.build + "/leakey", "report"] +
                             glob.glob(os.path.join(glob.escape(directory), "*.leakey")),
            "heaptrack_print": ["heaptrack_print", os.path.join(directory, "heaptrack.zst")],
            "heaptrack_interpret": ["/bin/sh", "-c", "exec \"$0\" <\"$1\"", self._interpreter(),
                                    os.path.join(directory, "raw")],
        }[analyser]

    def run_round(self, turn):
        for case in CASES:
            if case.name not in self.recorded:
                continue
            wanted = [each for each in case.analysers if each not in self.reasons]
            for analyser in in_turn(wanted, turn):
                self.samples[case.name][analyser].append(self._analyse(case, analyser))

    def _analyse(self, case, analyser):
        command = self._command(analyser, self.recorded[case.name]["directory"])
        try:
            with self.session.directory() as work:
                outcome = Process(command, work).wait(watch_memory=True)
        except Failure as failure:
            self.failures.append("analysis of %s: %s" % (case.name, failure))
            return None
        return {"seconds": outcome.seconds, "peak_kib": outcome.peak_kib,
                "peak_anonymous_kib": outcome.peak_anonymous_kib}

    def close(self):
        for recorded in self.recorded.values():
            shutil.rmtree(recorded["directory"], ignore_errors=True)

    def series(self, case, analyser, field):
        return [each and each[field] for each in self.samples[case][analyser]]

    def rates(self, case, analyser):
        """Events per second, one a round: of those that were analysed."""
        recorded = self.recorded[case]
        events = recorded["kept" if analyser == "leakey report" else "events"]
        return [each and events / each for each in self.series(case, analyser, "seconds")]

    def times_faster(self, case):
        """The spread of leakey's events per second over heaptrack_print's; None when unmeasured."""
        if case not in self.recorded:
            return None
        return spread.ratio(self.rates(case, "leakey report"), self.rates(case, "heaptrack_print"))

    def growth(self):
        """Peak memory with all events over that with a quarter of them; None when unmeasured."""
        return spread.ratio(self.series(LARGE, "leakey report", "peak_anonymous_kib"),
                            self.series(QUARTER, "leakey report", "peak_anonymous_kib"))
