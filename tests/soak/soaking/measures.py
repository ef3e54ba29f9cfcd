"""What was measured, against its bound: a table for people and a list for machines."""
from typing import NamedTuple, Optional

from . import trend

# What counts as flat. A run that is too short to resolve a slope may grow by so much in all instead.
SLOPE_KIB_PER_HOUR = 1024
SLACK_KIB = 256


class Measure(NamedTuple):
    part: str
    name: str
    value: object
    unit: str
    bound: Optional[str]  # None: told, not judged
    held: Optional[bool]
    interval: Optional[tuple] = None

    def shown(self):
        text = "%.4g" % self.value if isinstance(self.value, float) else "{:,}".format(self.value) \
            if isinstance(self.value, int) else str(self.value)
        if self.interval:
            text += " (%.4g .. %.4g)" % self.interval
        return text


class Measures:
    def __init__(self):
        self.all = []

    def tell(self, part, name, value, unit):
        self.all.append(Measure(part, name, value, unit, None, None))

    def equal(self, part, name, value, expected, unit=""):
        self.all.append(Measure(part, name, value, unit, "= %s" % (
            "{:,}".format(expected) if isinstance(expected, int) else expected), value == expected))

    def at_most(self, part, name, value, bound, unit=""):
        self.all.append(Measure(part, name, value, unit, "<= {:,}".format(bound), value <= bound))

    def at_least(self, part, name, value, bound, unit=""):
        self.all.append(Measure(part, name, value, unit, ">= {:,}".format(bound), value >= bound))

    def flat(self, part, name, times, values, slack_kib=SLACK_KIB):
        """KiB of memory over time: the upper end of its slope's interval, in the later half."""
        times, values = trend.later_half(times, values)
        if len(times) < 5:
            self.at_least(part, name + ": samples", len(times), 5)
            return
        hours = (times[-1] - times[0]) / 3600
        bound = max(SLOPE_KIB_PER_HOUR, slack_kib / hours)
        value, low, high = (each * 3600 for each in trend.slope(times, values))
        self.all.append(Measure(part, name, value, "KiB/h", "<= %.4g" % bound, high <= bound, (low, high)))

    def steady(self, part, name, times, values, bound):
        """A count over time: what it grew by in the later half."""
        _, values = trend.later_half(times, values)
        self.at_most(part, name, trend.step(values), bound)

    def broken(self):
        return [each for each in self.all if each.held is False]

    def lines(self):
        rows = [("", "measure", "value", "unit", "bound", "")]
        last = ""
        for each in self.all:
            rows.append((each.part if each.part != last else "", each.name, each.shown(), each.unit,
                         each.bound or "-", {True: "held", False: "BROKEN", None: ""}[each.held]))
            last = each.part
        widths = [max(len(row[column]) for row in rows) for column in range(6)]
        for row in rows:
            yield "  ".join(text.ljust(width) if column not in (2,) else text.rjust(width)
                            for column, (text, width) in enumerate(zip(row, widths))).rstrip()

    def as_json(self):
        return [{"part": each.part, "name": each.name, "value": each.value, "unit": each.unit,
                 "interval": each.interval, "bound": each.bound, "held": each.held} for each in self.all]
