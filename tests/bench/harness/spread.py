"""Medians, intervals and ratios of repeated, paired measurements. Pure functions of numbers."""
import math
import statistics
from typing import NamedTuple

CONFIDENCE = 0.95


class Spread(NamedTuple):
    median: float
    low: float
    high: float
    coverage: float  # the probability that low..high holds the true median
    count: int

    def covers(self, value):
        return self.low <= value <= self.high

    def as_json(self):
        return {
            "median": self.median,
            "interval": [self.low, self.high],
            "coverage_ratio": self.coverage,
            "rounds_count": self.count,
        }


def of(values):
    """The median of `values` and an interval for it that assumes nothing of their distribution.

    Of n values in order, the k-th and the k-th from the end hold the true median between them with
    probability 1 - 2 P(Binomial(n, 1/2) < k) (David and Nagaraja, Order Statistics, section 7.1).
    Taken is the largest k that still gives 95 %. Fewer than 6 values cannot give that: then it is
    their range, and `coverage` tells how little that is. None for no values.
    """
    ordered = sorted(values)
    count = len(ordered)
    if count == 0:
        return None
    rank, coverage = 1, _coverage(count, 1)
    while rank < (count + 1) // 2 and _coverage(count, rank + 1) >= CONFIDENCE:
        rank += 1
        coverage = _coverage(count, rank)
    return Spread(statistics.median(ordered), ordered[rank - 1], ordered[count - rank], coverage,
                  count)


def _coverage(count, rank):
    return 1 - 2 * sum(math.comb(count, i) for i in range(rank)) / 2**count


def _rounds(*series):
    """The rounds in which all of the series have a value."""
    return [values for values in zip(*series) if None not in values]


def ratio(values, bases):
    """The spread of values / bases, round by round, so that what slows a whole round cancels."""
    return of([value / base for value, base in _rounds(values, bases) if base > 0])


def difference(values, bases):
    return of([value - base for value, base in _rounds(values, bases)])


def added_share(values, peers, bases, least=None):
    """What `values` add to `bases`, as a share of what `peers` add.

    None where it would divide by noise: what the peer adds is below the resolution `least`, or not
    positive in every round.
    """
    rounds = _rounds(values, peers, bases)
    added = ratio(peers, bases)
    if not added or not resolved(added, least) or any(peer <= base for _, peer, base in rounds):
        return None
    return of([(value - base) / (peer - base) for value, peer, base in rounds])


def resolution(repeats, bases):
    """The least difference from 1 that can be told from none, measured by running the same thing
    twice: the far end of the interval of its ratio to itself. None where that was not measured."""
    same = ratio(repeats, bases)
    return max(abs(same.low - 1), abs(same.high - 1)) if same else None


def resolved(measured, least):
    """Whether a ratio differs from 1: its interval leaves 1 out, and the ratio is farther from it
    than `least`, the resolution (None: unknown, then the interval alone decides)."""
    return not measured.covers(1) and (least is None or abs(measured.median - 1) > least)
