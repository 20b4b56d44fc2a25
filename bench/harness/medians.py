"""Medians and their confidence intervals."""

from math import comb
from statistics import median


def interval(values):
    """The confidence interval of the median at 95 %, between two of the values; between the extremes if there are few."""
    values = sorted(values)
    count = len(values)
    below = 0
    chance = 0
    # The probability that fewer than this many values are below the true median.
    while below < count // 2:
        chance += comb(count, below) / 2**count
        if 2 * chance > 0.05:
            break
        below += 1
    low = max(below - 1, 0)
    return values[low], values[count - 1 - low]


def ratio(ours, theirs):
    """The median of the ratios of runs in pairs, and its interval."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True) if other]
    low, high = interval(ratios)
    return {"median": median(ratios), "low": low, "high": high, "pairs": len(ratios)}
