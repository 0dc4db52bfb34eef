"""The metrics of predictions, of one version by itself and of two on the same samples."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence

import numpy as np

from modelver.domain.samples import (
    GOALS,
    Flips,
    PairedMetric,
    Pairs,
    PerformanceDelta,
    Samples,
    SliceChange,
    Truth,
    is_binary,
)
from modelver.domain.statistics import (
    Array,
    flips_interval,
    holm,
    in_blocks,
    interval,
    mcnemar,
    resampled_sums,
    sign_flips,
    sign_flips_of_groups,
)

MINIMUM = 30
"""Samples that a slice needs to be tested."""

MOST_SLICES = 20
"""Slices that are reported at most."""

_MCNEMAR, _FLIPPED = "exact McNemar", "paired sign-flip permutation"
_SMALLEST = float(np.finfo(np.float64).eps)


def measures(samples: Samples) -> dict[str, float]:
    """The metrics of one version, as `performance` names and defines them."""
    with np.errstate(all="ignore"):
        scores = _scores(samples.truths, samples.classes, samples.predictions, samples.probabilities)
        values = _values(scores, _centred(samples.truths))
    return {name: value for name, value in values.items() if np.isfinite(value)}


def performance(pairs: Pairs, *, seed: int = 0, resamples: int = 10_000) -> PerformanceDelta:
    """What the samples tell of b against a; a metric whose numbers are too large to be computed with is left out.

    Intervals are the percentile bootstrap's, with samples drawn in pairs. Differences of accuracy are tested by
    McNemar's exact test, others by a permutation test: under no difference a and b may be exchanged on any sample.
    """
    with np.errstate(all="ignore"):
        a, b = (
            _scores(
                pairs.truths,
                pairs.classes,
                pairs.predictions and pairs.predictions[side],
                pairs.probabilities and pairs.probabilities[side],
            )
            for side in (0, 1)
        )
        flips = _flips(a["accuracy"], b["accuracy"]) if "accuracy" in a else None
        metrics = _metrics(a, b, _centred(pairs.truths), flips, seed, resamples)
        first = next(iter(metrics), None)
        slices: tuple[SliceChange, ...] = ()
        worse = left_out = 0
        if pairs.slices is not None and first is not None:
            slices, worse, left_out = _slices(pairs.slices, first, a[first], b[first], seed, resamples)
        return PerformanceDelta(
            n=len(pairs.truths),
            task="classification" if pairs.classes else "regression",
            mean_residual_change=_mean_residual_change(pairs),
            metrics=metrics,
            flips=flips,
            slices=slices,
            slices_worse=worse,
            slices_left_out=left_out,
        )


def _scores(
    truths: Sequence[Truth],
    classes: bool,
    predictions: Sequence[Truth] | None,
    probabilities: Sequence[float] | None,
) -> dict[str, Array]:
    """For each metric, in order, what it is of each sample: a number whose mean `_value` makes the metric of."""
    scores: dict[str, Array] = {}
    if classes and predictions is not None:
        scores["accuracy"] = np.fromiter(map(operator.eq, truths, predictions), np.float64, len(truths))
    if classes and probabilities is not None and is_binary(truths):
        y, p = np.array(truths, dtype=np.float64), np.array(probabilities, dtype=np.float64)
        clipped = np.clip(p, _SMALLEST, 1 - _SMALLEST)  # as scikit-learn does, so that one sure mistake is not infinite
        scores["log_loss"] = -np.where(y == 1, np.log(clipped), np.log1p(-clipped))
        scores["brier"] = (p - y) ** 2
    true, predicted = _numbers(truths), _numbers(predictions)
    if not classes and true is not None and predicted is not None:
        error = predicted - true
        scores["mae"] = np.abs(error)
        scores["rmse"] = error**2
        if true.min() < true.max():
            scores["r2"] = scores["rmse"]
    return scores


def _values(scores: Mapping[str, Array], centred: Array | None) -> dict[str, float]:
    variance = np.nan if centred is None else np.mean(centred**2)
    return {name: _value(name, float(score.mean()), float(variance)) for name, score in scores.items()}


def _value(name: str, mean: float, variance: float) -> float:
    """The metric whose scores have this mean; `variance` is that of the truths, and R² is 1 − SSE / SST."""
    if name == "rmse":
        return float(np.sqrt(mean))
    if name == "r2":
        return float(1 - np.float64(mean) / variance) if variance < np.inf else np.nan
    return mean


def _metrics(
    a: Mapping[str, Array],
    b: Mapping[str, Array],
    centred: Array | None,
    flips: Flips | None,
    seed: int,
    resamples: int,
) -> dict[str, PairedMetric]:
    values_a, values_b = _values(a, centred), _values(b, centred)
    names = [name for name in GOALS if name in a and np.isfinite(values_b[name] - values_a[name])]
    p_values, intervals = _tested([name for name in names if name != "accuracy"], a, b, centred, seed, resamples)
    if flips is not None:
        n = len(a["accuracy"])
        p_values["accuracy"] = mcnemar(flips.fixed, flips.broken)
        intervals["accuracy"] = flips_interval(flips.fixed, flips.broken, n, seed=seed, resamples=resamples)
    return {
        name: PairedMetric(
            a=values_a[name],
            b=values_b[name],
            diff=values_b[name] - values_a[name],
            low=intervals[name][0],
            high=intervals[name][1],
            p_value=p_values[name],
            method=_MCNEMAR if name == "accuracy" else _FLIPPED,
            goal=GOALS[name],
        )
        for name in names
        if name in intervals
    }


def _tested(
    names: Sequence[str],
    a: Mapping[str, Array],
    b: Mapping[str, Array],
    centred: Array | None,
    seed: int,
    resamples: int,
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    """The p-value of each metric but accuracy, and its interval unless that is beyond all numbers.

    RMSE and R² are tested by the mean squared error: an exchange of a and b on some samples keeps SST and the sum of
    both squared errors, and with that sum fixed the difference of either metric is a monotone, odd function of it.
    """
    if not names:
        return {}, {}
    changes = {name: b[name] - a[name] for name in names if name != "r2"}
    columns = {**changes, "n": np.ones(len(next(iter(changes.values()))))}
    if "rmse" in changes:  # by content, not as a and b: columns of a product may be rounded in different ways
        columns["one"], columns["other"] = sorted([a["rmse"], b["rmse"]], key=lambda column: column.tobytes())
    if "r2" in names and centred is not None:
        columns |= {"y": centred, "yy": centred**2}
    rows = in_blocks(list(columns.values()), seed=seed)
    tested = sign_flips(rows[:, : len(changes)], seed=seed, resamples=resamples)
    p_values = dict(zip(changes, tested.tolist(), strict=True))
    sums = dict(zip(columns, resampled_sums(rows, seed=seed, resamples=resamples).T, strict=True))
    means = {name: column / sums["n"] for name, column in sums.items()}
    intervals = {}
    for name in names:
        differences = _differences(name, means)
        if len(differences) and np.isfinite(differences).all():
            intervals[name] = interval(differences)
    if "r2" in names:
        p_values["r2"] = p_values["rmse"]
    return p_values, intervals


def _differences(name: str, means: Mapping[str, Array]) -> Array:
    """b − a of a metric in each resample, from the change of the mean score: exactly 0 where nothing changed."""
    if name == "rmse":  # √v − √u = (v − u) / (√v + √u)
        both = np.sqrt(means["one"]) + np.sqrt(means["other"])
        return means["rmse"] / np.where(both > 0, both, 1.0)
    if name == "r2":
        variance = means["yy"] - means["y"] ** 2
        varies = variance > 1e-12 * means["yy"]  # else the same truth was drawn every time, up to rounding
        return -means["rmse"][varies] / variance[varies]
    return means[name]


def _flips(a: Array, b: Array) -> Flips:
    both = int((a * b).sum())
    fixed, broken = int(b.sum()) - both, int(a.sum()) - both
    return Flips(fixed=fixed, broken=broken, both_right=both, both_wrong=len(a) - both - fixed - broken)


def _slices(
    slices: Sequence[str], metric: str, a: Array, b: Array, seed: int, resamples: int
) -> tuple[tuple[SliceChange, ...], int, int]:
    """The slices in which b is worse, the worst first, how many those are, and how many are too small to be tested."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(slices))}
    groups = np.fromiter(map(numbers.__getitem__, slices), np.int64, len(slices))
    enough = np.bincount(groups) >= MINIMUM
    names = [name for name, number in numbers.items() if enough[number]]
    left_out = len(numbers) - len(names)
    if not names:
        return (), 0, left_out
    kept = enough[groups]
    groups, a, b = (np.cumsum(enough) - 1)[groups[kept]], a[kept], b[kept]
    sizes = np.bincount(groups)
    mean_a, mean_b = (np.bincount(groups, weights=score) / sizes for score in (a, b))
    if metric == "accuracy":
        fixed, broken = (np.bincount(groups, weights=better).astype(int).tolist() for better in (b > a, a > b))
        known = {flips: mcnemar(*flips) for flips in set(zip(fixed, broken, strict=True))}
        p_values = np.array([known[flips] for flips in zip(fixed, broken, strict=True)])
    elif len(names) > resamples:  # Holm makes 1 of the smallest p-value that so few permutations can give
        p_values = np.ones(len(names))
    else:
        p_values = sign_flips_of_groups(b - a, groups, seed=seed, resamples=resamples)
    corrected = holm(p_values)
    diff = mean_b - mean_a
    gain = diff if GOALS[metric].direction == "maximize" else -diff
    worst = sorted(np.flatnonzero(gain < 0).tolist(), key=lambda number: (gain[number], names[number]))
    shown = tuple(
        SliceChange(
            name=names[number],
            n=int(sizes[number]),
            metric=metric,
            a=float(mean_a[number]),
            b=float(mean_b[number]),
            diff=float(diff[number]),
            p_value=float(corrected[number]),
            goal=GOALS[metric],
        )
        for number in worst[:MOST_SLICES]
    )
    return shown, len(worst), left_out


def _mean_residual_change(pairs: Pairs) -> float | None:
    """The mean of (y − ŷ_b) − (y − ŷ_a); ŷ is the prediction, or the probability of class 1 where that is no number."""
    true = _numbers(pairs.truths)
    for both in (pairs.predictions, pairs.probabilities):
        a, b = map(_numbers, both or (None, None))
        if true is not None and a is not None and b is not None:
            change = float(np.mean((true - b) - (true - a))) + 0.0
            return change if np.isfinite(change) else None
    return None


def _centred(truths: Sequence[Truth]) -> Array | None:
    """The truths minus their mean, so that their squares lose no digits; None where they are no numbers."""
    true = _numbers(truths)
    return None if true is None else true - true.mean()


def _numbers(values: Sequence[Truth] | None) -> Array | None:
    """As an array, None unless all are numbers; NumPy alone would read the class '1' as one."""
    if values is None or str in set(map(type, values)):
        return None
    return np.array(values, dtype=np.float64)
