#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""compare.py [--alpha A]: what changed between two sets of samples, from standard input to standard output.

In:  a table, tab separated, a row per point and metric. Columns: id, group, metric, less, more (the verdicts for a new side that is
     smaller or larger), base, new (samples, separated by commas).
Out: a row per point (kind `point`), one per group and metric (`mean`: the geometric mean of the ratios), one per metric (`family`:
     the smallest p that its points can have at all, corrected).

p        Mann-Whitney's U, two-sided (scipy.stats.mannwhitneyu): exact where no two samples are equal and no side has more
         than EXACT_MAX, else the normal approximation with the corrections for ties and continuity.
p_holm   p after Holm's step-down correction over all points of the same metric: the verdict follows from it.
change   the Hodges-Lehmann estimate on logarithms: the median of the ratios new/base of all pairs of samples.
low,high its interval of 1 - alpha, by the same test: the pairs that the U distribution cuts off at either end. So it leaves out
         "no change" just where the uncorrected p is at most alpha. With too few samples for alpha it is smallest to largest, and
         `coverage` says what that is worth.
effect   Cliff's delta, the rank-biserial correlation: how much more often a new sample is larger than a base sample than smaller.
"""
import argparse
import csv
import functools
import sys
import warnings

import numpy
from scipy.stats import mannwhitneyu

EXACT_MAX = 25  # samples a side; beyond, the normal approximation is as good
NOTHING = "-"
COLUMNS = ["kind", "id", "group", "metric", "points", "n_base", "n_new", "median_base", "median_new", "change_percent",
           "low_percent", "high_percent", "coverage", "difference", "difference_low", "difference_high", "p", "p_holm",
           "effect", "verdict"]


def p_value(base, new):
    """Mann-Whitney's p and U of the new side."""
    both = numpy.concatenate([base, new])
    different = len(numpy.unique(both))
    if different == 1:  # nothing to order: scipy divides by a spread of 0
        return 1.0, len(base) * len(new) / 2
    exact = different == len(both) and max(len(base), len(new)) <= EXACT_MAX
    result = mannwhitneyu(new, base, alternative="two-sided", method="exact" if exact else "asymptotic")
    return float(min(1.0, result.pvalue)), float(result.statistic)


@functools.lru_cache(maxsize=None)
def p_of_u(u, n, m):
    """The p of samples without ties whose U is u: n of one side are laid among 1..m of the other so that they beat u of them."""
    above, rest = divmod(u, m)
    first = [m + 1 + i for i in range(above)] + ([rest + 0.5] if above < n else []) + [-i for i in range(n - above - 1)]
    method = "exact" if max(n, m) <= EXACT_MAX else "asymptotic"
    return float(min(1.0, mannwhitneyu(first, numpy.arange(1, m + 1), alternative="two-sided", method=method).pvalue))


@functools.lru_cache(maxsize=None)
def cut_off(n, m, alpha):
    """How many of the n * m sorted pairs lie outside the interval at either end, and the interval's coverage."""
    low, high = 0, n * m // 2  # p grows with u: the largest u whose p is at most alpha
    if p_of_u(0, n, m) > alpha:
        return 0, 1 - p_of_u(0, n, m)
    while low < high:
        middle = (low + high + 1) // 2
        if p_of_u(middle, n, m) <= alpha:
            low = middle
        else:
            high = middle - 1
    return low, 1 - p_of_u(low, n, m)


def hodges_lehmann(base, new, alpha):
    """The median of new - base over all pairs, its interval, and the interval's coverage."""
    pairs = numpy.sort(numpy.subtract.outer(new, base), axis=None)
    cut, coverage = cut_off(len(base), len(new), alpha)
    return float(numpy.median(pairs)), float(pairs[cut]), float(pairs[len(pairs) - 1 - cut]), coverage


def holm(values):
    """Holm's correction: the smallest of m p-values times m, the next times m - 1, ..., never below one before it."""
    adjusted, running = [0.0] * len(values), 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=lambda i: values[i])):
        running = max(running, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = running
    return adjusted


def percent(log_ratio):
    return 100 * float(numpy.expm1(log_ratio))


def compare(row, alpha):
    base, new = (numpy.array([float(text) for text in row[side].split(",")]) for side in ("base", "new"))
    p, u = p_value(base, new)
    result = dict(row, kind="point", points=1, n_base=len(base), n_new=len(new), median_base=float(numpy.median(base)),
                  median_new=float(numpy.median(new)), p=p, effect=2 * u / (len(base) * len(new)) - 1)
    result["difference"], result["difference_low"], result["difference_high"], result["coverage"] = hodges_lehmann(base, new, alpha)
    if min(base.min(), new.min()) > 0:  # else there are no ratios
        logs = hodges_lehmann(numpy.log(base), numpy.log(new), alpha)
        result["log_change"] = logs[0]
        result["change_percent"], result["low_percent"], result["high_percent"] = (percent(value) for value in logs[:3])
    return result


def judge(results, alpha):
    """Holm's correction and the verdicts of all points of a metric, and the smallest p that they could have had."""
    for result, p in zip(results, holm([result["p"] for result in results])):
        result["p_holm"] = p
        result["verdict"] = "~" if p >= alpha or result["effect"] == 0 else result["more" if result["effect"] > 0 else "less"]
    least = min(p_of_u(0, result["n_base"], result["n_new"]) for result in results)
    return {"kind": "family", "metric": results[0]["metric"], "points": len(results), "p": least,
            "p_holm": min(1.0, least * len(results)), "n_base": min(result["n_base"] for result in results),
            "n_new": min(result["n_new"] for result in results)}


def mean(group, metric, results):
    logs = [result["log_change"] for result in results if "log_change" in result]
    return {"kind": "mean", "group": group, "metric": metric, "points": len(logs),
            "change_percent": percent(numpy.mean(logs)) if logs else NOTHING}


def cell(value):
    return f"{value:.9g}" if isinstance(value, float) else str(value)


def write(out, rows):
    out.writerow(COLUMNS)
    for row in rows:
        out.writerow([cell(row.get(name, NOTHING)) for name in COLUMNS])


def main():
    parser = argparse.ArgumentParser(prog="compare.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alpha", type=float, default=0.05, help="default: 0.05")
    alpha = parser.parse_args().alpha
    csv.field_size_limit(sys.maxsize)
    rows = list(csv.DictReader(sys.stdin, delimiter="\t", quoting=csv.QUOTE_NONE))
    results = [compare(row, alpha) for row in rows]
    families, groups = {}, {}
    for result in results:
        families.setdefault(result["metric"], []).append(result)
        groups.setdefault((result["group"], result["metric"]), []).append(result)
    least = [judge(family, alpha) for family in families.values()]
    means = [mean(group, metric, members) for (group, metric), members in groups.items()]
    if len({group for group, _ in groups}) > 1:
        means += [mean("all", metric, family) for metric, family in families.items()]
    write(csv.writer(sys.stdout, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None, lineterminator="\n"),
          results + means + least)


if __name__ == "__main__":
    warnings.simplefilter("error")
    main()
