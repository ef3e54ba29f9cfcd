"""Whether a series grows: Theil and Sen's slope, the median of the slopes between all pairs of samples, with the 95 %
interval that Kendall's statistic gives (Sen, Journal of the American Statistical Association 63, 1968). One outlier, a
pool that is filled once, or a sample taken at a bad moment does not bend it."""
import math
import statistics


def slope(times, values):
    """(slope, low, high) per second; (0, 0, 0) of less than three samples."""
    count = len(times)
    slopes = sorted((values[j] - values[i]) / (times[j] - times[i])
                    for i in range(count) for j in range(i + 1, count) if times[j] > times[i])
    if count < 3 or not slopes:
        return 0.0, 0.0, 0.0
    spread = 1.96 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(round((len(slopes) - spread) / 2), 0)
    high = min(round((len(slopes) + spread) / 2), len(slopes) - 1)
    return statistics.median(slopes), slopes[low], slopes[high]


def later_half(times, values):
    """What is left when the time in which things warm up is cut off."""
    if not times:
        return [], []
    middle = (times[0] + times[-1]) / 2
    kept = [(time, value) for time, value in zip(times, values) if time >= middle]
    return [each[0] for each in kept], [each[1] for each in kept]


def step(values):
    """How much higher the most of the last third is than the most of the first third."""
    third = len(values) // 3
    return max(values[-third:]) - max(values[:third]) if third else 0
