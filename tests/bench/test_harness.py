"""The harness's arithmetic, on numbers whose results are known.
Run by tests/end-to-end/bench.bats: python3 -m unittest discover tests/bench"""
import os
import tempfile
import unittest

from harness import resident, spread, tables, targets, workloads
from harness.process import Failure, Process
from harness.variants import AGAIN, PLAIN, Host, Variant
from harness.workloads import Timing, Workload


class SpreadTest(unittest.TestCase):
    def test_nine_values(self):
        found = spread.of([9, 1, 8, 2, 7, 3, 6, 4, 5])
        self.assertEqual((found.median, found.low, found.high), (5, 2, 8))
        self.assertAlmostEqual(found.coverage, 1 - 20 / 512)

    def test_six_values_are_the_least_for_95_percent(self):
        self.assertAlmostEqual(spread.of(range(6)).coverage, 1 - 2 / 64)
        self.assertEqual(spread.of(range(6))[1:3], (0, 5))
        self.assertLess(spread.of(range(5)).coverage, spread.CONFIDENCE)

    def test_many_values(self):
        # Binomial(25, 1/2): 2 P(< 8) = 0.0433, 2 P(< 9) = 0.108
        found = spread.of(range(1, 26))
        self.assertEqual((found.low, found.high), (8, 18))

    def test_few_values(self):
        self.assertEqual(spread.of([3])[:3], (3, 3, 3))
        self.assertEqual(spread.of([3, 5])[:3], (4, 3, 5))
        self.assertIsNone(spread.of([]))

    def test_ratio_is_of_the_same_round(self):
        # The machine slows down tenfold from round to round; the ratio does not.
        found = spread.ratio([2, 20, 200], [1, 10, 100])
        self.assertEqual(found[:3], (2, 2, 2))

    def test_failed_rounds_are_left_out(self):
        self.assertEqual(spread.ratio([2, None, 6], [1, 10, 2]).count, 2)
        self.assertIsNone(spread.ratio([None], [1]))
        self.assertEqual(spread.difference([5, None], [3, 1])[:3], (2, 2, 2))

    def test_added_share(self):
        self.assertEqual(spread.added_share([120, 240], [200, 400], [100, 200])[:3], (.2, .2, .2))

    def test_added_share_does_not_divide_by_noise(self):
        self.assertIsNone(spread.added_share([120, 120], [200, 99], [100, 100]))
        self.assertIsNone(spread.added_share([102, 102], [104, 104], [100, 100], least=0.05))
        self.assertIsNone(spread.added_share([None], [200], [100]))

    def test_resolution_is_the_far_end_of_the_same_thing_twice(self):
        self.assertAlmostEqual(spread.resolution([101, 97, 100], [100, 100, 100]), 0.03)

    def test_resolved(self):
        clear = spread.of([1.10] * 9)
        self.assertTrue(spread.resolved(clear, 0.02))
        self.assertTrue(spread.resolved(clear, None))
        self.assertFalse(spread.resolved(clear, 0.2))
        self.assertFalse(spread.resolved(spread.of([0.9, 0.99, 1.2, 1.3, 1.0, 1.1]), 0.02))


def timing(name, samples):
    """A Timing of samples by variant, as if they had been measured."""
    contenders = tuple(Variant(variant, variant, base="jemalloc" if "prof" in variant else None)
                       for variant in samples)
    workload = Workload(name, "about", "an operation", 100, None, contenders=contenders)
    made = Timing(None, workload, 1, lambda variant: True)
    made.samples = samples
    return made


def judged(what, *timings):
    results = targets.Results({each.name: each for each in timings}, None, None)
    return next(verdict for target, verdict in targets.verdicts(results) if target.what == what)


class TargetsTest(unittest.TestCase):
    def test_met_and_missed(self):
        what = "sampled 512 KiB: malloc depth 10"
        met = judged(what, timing("malloc-1", {PLAIN: [100] * 9, "leakey-512k": [104] * 9}))
        self.assertIs(met.met, True)
        missed = judged(what, timing("malloc-1", {PLAIN: [100] * 9, "leakey-512k": [130] * 9}))
        self.assertIs(missed.met, False)
        self.assertEqual(missed.words, "missed by 0.25")

    def test_a_limit_within_the_interval_is_said(self):
        verdict = judged("sampled 512 KiB: malloc depth 10", timing(
            "malloc-1", {PLAIN: [100] * 9, "leakey-512k": [102] * 6 + [109] * 3}))
        self.assertIs(verdict.met, True)
        self.assertEqual(verdict.words, "met; the interval reaches across the target")

    def test_what_was_not_measured_is_neither(self):
        self.assertEqual(judged("hiredis pipelined x100"), targets.NOT_MEASURED)
        only_plain = timing("hiredis-pipelined", {PLAIN: [1] * 9})
        self.assertIsNone(judged("hiredis pipelined x100", only_plain).met)

    def test_not_resolvable(self):
        what = "sampled 512 KiB: the cache service"
        steady = {PLAIN: [100] * 9, AGAIN: [99, 101] * 4 + [100]}
        noise = judged(what, timing("service", {**steady, "leakey-512k": [99, 102] * 4 + [100]}))
        self.assertIs(noise.met, True)
        slower = judged(what, timing("service", {**steady, "leakey-512k": [104] * 9}))
        self.assertIs(slower.met, False)
        self.assertIn("4.0 %", slower.words)
        faster = judged(what, timing("service", {**steady, "leakey-512k": [90] * 9}))
        self.assertIs(faster.met, True)

    def test_a_coarse_run_does_not_meet_not_resolvable(self):
        verdict = judged("hiredis round trip", timing("hiredis-round-trip", {
            PLAIN: [100] * 9, AGAIN: [80, 130] * 4 + [100], "leakey-512k": [115] * 9}))
        self.assertIsNone(verdict.met)
        self.assertEqual(verdict.words, "open: not resolved from 1, to 30.0 %")

    def test_nanoseconds_added(self):
        what = "the wire, round trip: CPU added"
        met = judged(what, timing("wire-round-trip-cpu", {
            PLAIN: [9000, 12000] * 4 + [10000], "leakey-512k": [9390, 12410] * 4 + [10380]}))
        self.assertIs(met.met, True)
        self.assertEqual(met.measured, "390 (390 .. 410) ns")
        missed = judged(what, timing("wire-round-trip-cpu", {
            PLAIN: [9000] * 9, "leakey-512k": [9500] * 9}))
        self.assertEqual((missed.met, missed.words), (False, "missed by 100 ns"))

    def test_added_time(self):
        verdict = judged("the same, 2 threads", timing("malloc-2", {
            PLAIN: [100] * 9, "leakey-all": [150] * 9, "heaptrack-raw": [1100] * 9}))
        self.assertIs(verdict.met, True)
        self.assertTrue(verdict.measured.startswith("0.05 "))
        verdict = judged("the same, 2 threads", timing("malloc-2", {
            PLAIN: [100] * 9, "leakey-all": [101] * 9, "heaptrack-raw": [98, 103, 102] * 3}))
        self.assertEqual((verdict.met, verdict.words),
                         (None, "open: what heaptrack-raw adds is not resolved"))

    def test_times_faster(self):
        verdict = judged(
            "stack capture, repeated stacks, depth 10: times faster than unw_backtrace",
            timing("stack-10", {"unw_backtrace": [100] * 9, "leakey": [20] * 9}))
        self.assertEqual((verdict.met, verdict.words), (False, "missed by a factor of 2.00"))


class TablesTest(unittest.TestCase):
    def test_rows(self):
        made = timing("w", {
            PLAIN: [100] * 9, "leakey-all": [140] * 9, "heaptrack-raw": [300] * 9, AGAIN: [101] * 9,
            "jemalloc": [100, 101, 99] * 3, "jemalloc-prof": [200, 202, 198] * 3})
        rows = {line.split()[0]: line for line in list(tables.TimingTable(made).lines())[1:]}
        self.assertIn("100.0 ns", rows["plain"])
        self.assertIn("1.40", rows["leakey-all"])
        self.assertIn("adds 0.20 (0.20 .. 0.20) of what heaptrack-raw adds", rows["leakey-all"])
        self.assertIn("the resolution: 1.0 %", rows["plain-again"])
        self.assertIn("could not resolve", rows["jemalloc"])
        self.assertIn("2.00 (2.00 .. 2.00) of jemalloc", rows["jemalloc-prof"])

    def test_a_ratio_below_the_resolution_is_not_rounded_to_1(self):
        made = timing("w", {PLAIN: [1000] * 9, AGAIN: [1020] * 9, "leakey-512k": [1004] * 9})
        row = [line for line in tables.TimingTable(made).lines() if "leakey-512k" in line][0]
        self.assertIn("1.004", row)
        self.assertIn("could not resolve", row)

    def test_durations(self):
        self.assertEqual([tables.duration(ns) for ns in (5.25, 75, 1500, 2.5e6, 1.25e9)],
                         ["5.250 ns", "75.00 ns", "1.500 us", "2.500 ms", "1.250 s"])


class RoundsTest(unittest.TestCase):
    def test_each_round_has_each_contender_once_and_starts_with_another(self):
        names = ["a", "b", "c", "d", "e"]
        rounds = [workloads.in_turn(names, turn) for turn in range(len(names))]
        for order in rounds:
            self.assertEqual(sorted(order), names)
        self.assertEqual([order[0] for order in rounds], names)
        self.assertEqual([order[1] for order in rounds], ["b", "a", "d", "c", "a"])

    def test_slow_variants_do_a_share_unless_the_workload_is_whole(self):
        slow = Variant("slow", "", share=1 / 4)
        short, whole = (Workload("w", "", "", 1000, None, whole=each) for each in (False, True))
        self.assertEqual(workloads.operations_of(short, slow, 1), 250)
        self.assertEqual(workloads.operations_of(whole, slow, 1), 1000)
        self.assertEqual(workloads.operations_of(short, slow, 1e-9), 1)
        self.assertIsNone(workloads.left_out(whole, slow))
        self.assertIsNotNone(workloads.left_out(whole, slow._replace(share=1 / 1000)))


class ResidentTest(unittest.TestCase):
    SMAPS = """\
55d0-55d1 r-xp 00000000 08:01 1   /opt/build/libleakey.so
Rss:                  40 kB
55d1-55d2 rw-s 00000000 08:01 2   /tmp/x y/resident.7.leakey
Rss:                   8 kB
55d2-55d3 r-xp 00000000 08:01 3   /usr/lib/x86_64-linux-gnu/libunwind.so.8.0.1
Rss:                  20 kB
55d3-55d4 rw-p 00000000 00:00 0
Rss:                 100 kB
55d4-55d5 rw-p 00000000 00:00 0   [heap]
Rss:                   4 kB
55d5-55d6 r-xp 00000000 08:01 4   /lib/libc.so.6
Rss:                   2 kB
"""

    def test_parts(self):
        self.assertEqual(resident.parts_of(self.SMAPS), {
            "shim": 40, "capture": 8, "unwinder": 20, "other files": 2, "anonymous": 104,
            "total": 174})


class ProcessTest(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)

    def test_what_is_wrong_is_said(self):
        with self.assertRaisesRegex(Failure, "sh ended with status 3: oh dear"):
            Process(["/bin/sh", "-c", "echo oh dear >&2; exit 3"], self.scratch.name).wait()
        with self.assertRaisesRegex(Failure, "nowhere: No such file"):
            Process(["/nowhere"], self.scratch.name)

    def test_a_process_that_takes_too_long_is_ended(self):
        process = Process(["/bin/sleep", "60"], self.scratch.name)
        with self.assertRaisesRegex(Failure, "took longer"):
            process.wait(timeout=0.2)
        self.assertFalse(os.path.exists("/proc/%d" % process.pid))

    def test_memory_is_the_program_s_own(self):
        # Touches some 100 MB; the interpreter that starts it is an order smaller.
        text = "x = bytearray(100 << 20); import time; time.sleep(0.2)"
        process = Process(["/usr/bin/python3", "-c", text], self.scratch.name)
        outcome = process.wait(watch_memory=True)
        self.assertGreater(outcome.peak_anonymous_kib, 100 << 10)
        self.assertLess(outcome.peak_kib, 200 << 10)
        self.assertGreaterEqual(outcome.peak_kib, outcome.peak_anonymous_kib)

    def test_a_variant_that_recorded_nothing_is_a_failure(self):
        host = Host(self.scratch.name)
        with self.assertRaisesRegex(Failure, "left no"):
            host.run(["/bin/true"], Variant("v", "", leaves="*.leakey"), self.scratch.name)

    def test_a_library_that_is_not_there_is_noticed(self):
        host = Host(self.scratch.name)
        missing = Variant("v", "", preload=("libnosuchthing.so.1",))
        self.assertEqual(host.unavailable(missing, self.scratch.name),
                         "libnosuchthing.so.1 is not loaded")
        self.assertIsNone(host.unavailable(Variant(AGAIN, ""), self.scratch.name))


if __name__ == "__main__":
    unittest.main()
