"""The arithmetic of the soak on numbers that are known: run by soak.bats."""
import os
import sys
import unittest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "../bench")]

from soaking import memory, trend  # noqa: E402
from soaking.measures import Measures  # noqa: E402

SMAPS = """\
55d0-55d1 r-xp 00000000 08:01 12                         /usr/bin/service
Rss:                 400 kB
Private_Clean:         0 kB
Private_Dirty:         4 kB
VmFlags: rd ex mr mw me sd
55e0-55e9 rw-p 00000000 00:00 0                          [heap]
Rss:                1000 kB
Private_Clean:         0 kB
Private_Dirty:      1000 kB
VmFlags: rd wr mr mw me ac sd
7f00-7f10 rw-p 00000000 00:00 0 
Rss:                 300 kB
Private_Clean:         0 kB
Private_Dirty:       300 kB
VmFlags: rd wr mr mw me nr wf sd
7f10-7f20 rw-p 00000000 00:00 0 
Rss:                  50 kB
Private_Clean:         0 kB
Private_Dirty:        50 kB
VmFlags: rd wr mr mw me sd
7f20-7f30 rw-s 00000000 08:01 13                         /tmp/a b/service.1.leakey
Rss:                2048 kB
Private_Clean:         0 kB
Private_Dirty:         0 kB
VmFlags: rd wr sh mr mw me ms sd
7f30-7f31 rw-p 00000000 08:01 14                         /lib/libleakey.so
Rss:                  16 kB
Private_Clean:         0 kB
Private_Dirty:        16 kB
VmFlags: rd wr mr mw me sd
"""


class MemoryOfAProcess(unittest.TestCase):
    def test_the_shims_is_told_from_the_hosts(self):
        self.assertEqual(memory.parse_smaps(SMAPS), {"shim": 316, "capture": 2048, "host": 1050, "mappings": 6})


class Trend(unittest.TestCase):
    def test_a_line_has_its_slope_and_outliers_do_not_bend_it(self):
        times = list(range(100))
        values = [1000 + 3 * time for time in times]
        values[10], values[90] = 90000, 0
        slope, low, high = trend.slope(times, values)
        self.assertEqual(slope, 3)
        self.assertTrue(low <= 3 <= high and high - low < 1)

    def test_noise_around_a_level_has_an_interval_that_holds_zero(self):
        times = list(range(60))
        _, low, high = trend.slope(times, [500 + time * 7919 % 13 for time in times])
        self.assertTrue(low <= 0 <= high)

    def test_what_warms_up_is_cut_off(self):
        self.assertEqual(trend.later_half([0, 1, 2, 3, 4], [9, 8, 7, 6, 5]), ([2, 3, 4], [7, 6, 5]))

    def test_a_step_is_the_most_against_the_most(self):
        self.assertEqual(trend.step([4, 8, 4, 4, 8, 4, 4, 4, 8]), 0)
        self.assertEqual(trend.step([4, 8, 4, 4, 8, 4, 4, 9, 8]), 1)


class Bounds(unittest.TestCase):
    def flat(self, grow):
        measures, times = Measures(), [each * 10 for each in range(360)]
        measures.flat("part", "memory", times, [5000 + grow(time) for time in times])
        return measures

    def test_what_grows_by_two_mib_an_hour_is_broken_and_what_warms_up_is_not(self):
        self.assertEqual(len(self.flat(lambda time: 2048 * time // 3600).broken()), 1)
        self.assertEqual(self.flat(lambda time: 800 if time > 600 else time).broken(), [])

    def test_too_few_samples_are_no_proof(self):
        measures = Measures()
        measures.flat("part", "memory", [0, 1, 2], [5, 5, 5])
        self.assertEqual(len(measures.broken()), 1)

    def test_broken_ones_are_named_in_the_table(self):
        measures = Measures()
        measures.equal("part", "reads", 999, 1000)
        measures.at_most("part", "size", 5, 6, "bytes")
        measures.tell("part", "speed", 7, "events/s")
        lines = list(measures.lines())
        self.assertTrue(lines[1].endswith("BROKEN") and lines[2].endswith("held") and lines[3].endswith("-"))
        self.assertEqual([each.name for each in measures.broken()], ["reads"])


if __name__ == "__main__":
    unittest.main()
