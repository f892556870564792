#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""summarise.py TIDY.tsv: medians with confidence intervals, one row per point, to standard output.

A point is a combination of parameters; its repetitions become the median and an interval. The interval is the exact one
of order statistics: the tightest pair (k-th smallest, k-th largest) that covers the median with at least 95 %, by the
binomial distribution (scipy.stats.binom). Fewer than six repetitions have no such pair: then it is smallest to largest, and
the column `coverage` says what that is worth (5 repetitions: 0.9375; 3: 0.75; 1: 0).

Columns: the parameters, repetitions, coverage, then for each metric its median, <metric>_low and <metric>_high; behind those of
ns_per_op its coefficient of variation, ns_per_op_cv, from three repetitions on. A metric that was unavailable keeps its text.
The caller (report_summarise) adds the column `steady`, the verdict on each row.
"""
import csv
import sys

import numpy
from scipy.stats import binom
from scipy.stats import variation as scipy_variation

PARAMETERS = ["experiment", "suite", "impl", "policy", "counters", "hash", "threads", "keys", "key_bytes", "value_bytes", "mix",
              "skew", "capacity_bytes", "trace", "partition", "codec", "record", "operation"]
OF_ONE = ["repetition", "steady"]  # of one repetition; the verdict on all of them needs the bounds of harness/steady.c
CONFIDENCE = 0.95
VARIED = ["ns_per_op"]  # metrics whose coefficient of variation is told


def order_statistics(n):
    """Which of n sorted values bound the median, and the coverage of that pair: (low, high, coverage), from 0."""
    def coverage(k):  # of the k-th smallest and the k-th largest, k from 1
        return 1 - 2 * binom.cdf(k - 1, n, 0.5)
    k = 1
    while k + 1 <= n - k and coverage(k + 1) >= CONFIDENCE:
        k += 1
    return k - 1, n - k, max(0.0, coverage(k)) if n > 1 else 0.0


def summarise(values):
    values = numpy.sort(values)
    low, high, _ = order_statistics(len(values))
    return numpy.median(values), values[low], values[high]


def variation(values):
    """The sample's standard deviation in parts of its mean; a reason where it would mean nothing."""
    if len(values) < 3:
        return "unavailable: fewer than 3 repetitions"
    return f"{scipy_variation(values, ddof=1):.6g}"


def is_number(text):
    try:
        return numpy.isfinite(float(text))
    except ValueError:
        return False


def main(path):
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        rows = list(reader)
        names = reader.fieldnames
        if not names:
            sys.exit(f"summarise.py: {path} is empty")
    parameters = [name for name in names if name in PARAMETERS]
    metrics = [name for name in names if name not in PARAMETERS and name not in OF_ONE]
    points = {}
    for row in rows:
        points.setdefault(tuple(row[name] for name in parameters), []).append(row)

    out = csv.writer(sys.stdout, delimiter="\t", quoting=csv.QUOTE_NONE, escapechar=None, quotechar=None,
                     lineterminator="\n")
    out.writerow(parameters + ["repetitions", "coverage"] +
                 [name for metric in metrics for name in
                  (metric, metric + "_low", metric + "_high", *([metric + "_cv"] if metric in VARIED else []))])
    for key, repetitions in points.items():
        cells = []
        for metric in metrics:
            texts = [row[metric] for row in repetitions if not is_number(row[metric])]
            if not texts:
                cells += [f"{value:.9g}" for value in summarise([float(row[metric]) for row in repetitions])]
            elif len(texts) == len(repetitions):
                cells += [texts[0], "-", "-"]
            else:  # those that have it may be the lucky ones: no median of a part
                cells += [f"{texts[0]} (in {len(texts)} of {len(repetitions)} repetitions)", "-", "-"]
            if metric in VARIED:
                cells.append("-" if texts else variation([float(row[metric]) for row in repetitions]))
        coverage = order_statistics(len(repetitions))[2]
        out.writerow(list(key) + [len(repetitions), f"{coverage:.4f}"] + cells)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: summarise.py TIDY.tsv")
    main(sys.argv[1])
