"""Medians, and how far they can be trusted."""

from math import comb
from statistics import median


def interval(values):
    """The median's interval at 95 %, between two of the values; all that there is, of few values."""
    values = sorted(values)
    count = len(values)
    below = 0
    chance = 0
    # The chance that fewer than so many values lie below the true median.
    while below < count // 2:
        chance += comb(count, below) / 2**count
        if 2 * chance > 0.05:
            break
        below += 1
    low = max(below - 1, 0)
    return values[low], values[count - 1 - low]


def ratio(ours, theirs):
    """Of runs in pairs: the median of the ratios, and its interval."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True) if other]
    low, high = interval(ratios)
    return {"median": median(ratios), "low": low, "high": high, "pairs": len(ratios)}
