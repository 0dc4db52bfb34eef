"""Metrics, intervals and p-values of paired predictions, against SciPy, statsmodels and scikit-learn."""

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests

from modelver.domain.performance import MINIMUM, MOST_SLICES, measures, performance
from modelver.domain.samples import GOALS, Flips, Samples, pair
from modelver.domain.statistics import (
    SINGLE,
    flips_interval,
    holm,
    in_blocks,
    interval,
    mcnemar,
    resampled_sums,
    sign_flips,
    sign_flips_of_groups,
)

RESAMPLES = 10_000
WIDE = 0.06  # of an interval's width: over four standard errors of a quantile of 10,000 resamples against another


def versions(classes, truths, predictions=(None, None), probabilities=(None, None), slices=None):
    """The samples of two versions, with ids in the order of the rows."""
    ids = [f"i{row:07}" for row in range(len(truths))]
    return tuple(
        Samples(
            ids=ids,
            truths=list(truths),
            classes=classes,
            predictions=None if predictions[side] is None else list(predictions[side]),
            probabilities=None if probabilities[side] is None else list(probabilities[side]),
            slices=None if slices is None else list(slices),
        )
        for side in (0, 1)
    )


def classified(seed, n=None):
    """Two versions that judge n samples of two classes, each with its own errors."""
    random = np.random.default_rng(seed)
    n = n or int(random.integers(40, 300))
    y = random.integers(0, 2, n).astype(float)
    logits = [1.5 * (2 * y - 1) + random.normal(scale=scale, size=n) for scale in random.uniform(1.5, 2.5, 2)]
    p = [1 / (1 + np.exp(-logit)) for logit in logits]
    p[0][0], p[1][1] = 0.0, 1.0  # as sure as can be, and perhaps wrong
    return versions(
        True, y.tolist(), [(each > 0.5).astype(float).tolist() for each in p], [each.tolist() for each in p]
    )


def estimated(seed, n=None):
    """Two versions that estimate n quantities, each with its own errors."""
    random = np.random.default_rng(seed)
    n = n or int(random.integers(40, 300))
    y = random.normal(loc=100, scale=3, size=n)
    shared = random.normal(size=n)
    errors = [shared + random.normal(scale=scale, size=n) for scale in random.uniform(1, 1.3, 2)]
    return versions(False, y.tolist(), [(y + error).tolist() for error in errors])


def theirs(samples):
    """The metrics by scikit-learn."""
    y, predicted = samples.truths, samples.predictions
    if samples.classes:
        return {
            "accuracy": sk.accuracy_score(y, predicted),
            "log_loss": sk.log_loss(y, samples.probabilities),
            "brier": sk.brier_score_loss(y, samples.probabilities),
        }
    return {
        "mae": sk.mean_absolute_error(y, predicted),
        "rmse": sk.root_mean_squared_error(y, predicted),
        "r2": sk.r2_score(y, predicted),
    }


def along(name, y, predicted, axis=-1):
    """A metric along an axis, written down once more from its definition."""
    if name == "accuracy":
        return np.mean(y == predicted, axis=axis)
    if name == "log_loss":
        right = np.where(y == 1, predicted, 1 - predicted)
        return np.mean(-np.log(np.clip(right, 2**-52, 1 - 2**-52)), axis=axis)
    if name == "brier":
        return np.mean((y - predicted) ** 2, axis=axis)
    if name == "mae":
        return np.mean(np.abs(y - predicted), axis=axis)
    squares = np.mean((y - predicted) ** 2, axis=axis)
    return np.sqrt(squares) if name == "rmse" else 1 - squares / np.var(y, axis=axis)


DATA = [
    pytest.param(*make(seed), id=f"{make.__name__}-{seed}") for seed in range(10) for make in (classified, estimated)
]


# ---- against other people's formulas -------------------------------------------------------------------------


@pytest.mark.parametrize(("a", "b"), DATA)
def test_metrics_are_those_of_scikit_learn(a, b):
    found = performance(pair(a, b), resamples=1).metrics
    for side, samples in (("a", a), ("b", b)):
        expected = theirs(samples)
        assert measures(samples) == pytest.approx(expected, rel=1e-12, abs=1e-15)
        assert {name: getattr(metric, side) for name, metric in found.items()} == measures(samples)
        assert list(found) == list(expected)
    assert all(metric.diff == metric.b - metric.a for metric in found.values())
    assert all(metric.goal == GOALS[name] for name, metric in found.items())


@pytest.mark.parametrize(("a", "b"), DATA)
def test_intervals_are_those_of_scipys_bootstrap(a, b):
    y = np.array(a.truths)
    for name, metric in performance(pair(a, b), resamples=RESAMPLES).metrics.items():
        column = "probabilities" if name in ("log_loss", "brier") else "predictions"
        data = (y, np.array(getattr(a, column)), np.array(getattr(b, column)))

        def change(y, a, b, axis, name=name):
            return along(name, y, b, axis) - along(name, y, a, axis)

        expected = stats.bootstrap(
            data, change, paired=True, vectorized=True, method="percentile", n_resamples=4_000, batch=500,
            rng=np.random.default_rng(7),
        ).confidence_interval  # fmt: skip
        apart = WIDE * (expected.high - expected.low) + (1 / len(y) if name == "accuracy" else 0)
        assert (metric.low, metric.high) == pytest.approx((expected.low, expected.high), abs=apart), name


@pytest.mark.parametrize(
    ("fixed", "broken"),
    [(0, 1), (1, 0), (5, 0), (3, 4), (10, 25), (400, 333), (1000, 0), (5_000, 5_200), (2, 900), (499_000, 501_000),
     (502_000, 498_000), (500_000, 500_001), (100_000, 103_000)],
)  # fmt: skip
def test_mcnemar_is_exact(fixed, broken):
    p_value = mcnemar(fixed, broken)
    assert p_value == pytest.approx(stats.binomtest(fixed, fixed + broken).pvalue, rel=1e-9)
    table = [[7, fixed], [broken, 7]]
    assert p_value == pytest.approx(their_mcnemar(table, exact=True).pvalue, rel=1e-9)


def test_mcnemar_without_flips_is_1_and_never_0():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(1_000_000, 0) == sys.float_info.min


def flips_by_scipy(differences, resamples=RESAMPLES):
    return stats.permutation_test(
        (differences,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", vectorized=True,
        n_resamples=resamples, batch=1_000, rng=np.random.default_rng(3),
    ).pvalue  # fmt: skip


def by_chance(p_value, resamples=RESAMPLES):
    """How far two estimates of a p-value may be apart: over four standard errors."""
    return 6 * math.sqrt(p_value / resamples) + 2 / resamples


@pytest.mark.parametrize("n", [2, 3, 5, 8, 30, 200])
@pytest.mark.parametrize("kind", ["continuous", "whole numbers"])
def test_sign_flips_are_scipys_permutations(n, kind):
    """Up to 13 samples SciPy tries all; equal sums, of which whole numbers make many, count as equal in both."""
    random = np.random.default_rng(n)
    columns = random.normal(loc=0.2, size=(n, 5))
    columns = np.round(2 * columns) * 0.1 if kind == "whole numbers" else columns
    p_values = sign_flips(columns, seed=0, resamples=RESAMPLES)
    for column, p_value in zip(columns.T, p_values, strict=True):
        expected = flips_by_scipy(column)
        assert p_value == pytest.approx(expected, abs=by_chance(expected))


@pytest.mark.parametrize(("a", "b"), DATA)
def test_p_values_are_those_of_the_metrics_own_permutations(a, b):
    """RMSE and R² too: their own differences, permuted, give the p-value of the mean squared error's."""
    y = np.array(a.truths)
    for name, metric in performance(pair(a, b), resamples=RESAMPLES).metrics.items():
        if name == "accuracy":
            fixed, broken = np.sum(b.predictions == y), np.sum(a.predictions == y)
            both = np.sum((a.predictions == y) & (b.predictions == y))
            assert metric.method == "exact McNemar"
            assert metric.p_value == pytest.approx(stats.binomtest(fixed - both, fixed + broken - 2 * both).pvalue)
            continue
        column = "probabilities" if name in ("log_loss", "brier") else "predictions"
        sides = np.array([getattr(a, column), getattr(b, column)])
        exchanged = np.random.default_rng(5).random((4_000, len(y))) < 0.5
        one, other = np.where(exchanged, sides[1], sides[0]), np.where(exchanged, sides[0], sides[1])
        changes = along(name, y, other) - along(name, y, one)
        expected = np.mean(np.abs(changes) >= abs(metric.diff) * (1 - 1e-9))
        assert metric.method == "paired sign-flip permutation"
        assert metric.p_value == pytest.approx(expected, abs=by_chance(max(expected, metric.p_value), 4_000)), name


@pytest.mark.parametrize("seed", range(20))
def test_holm_is_that_of_statsmodels(seed):
    random = np.random.default_rng(seed)
    p_values = random.random(1 + 3 * seed) ** 3
    p_values[: seed // 2] = p_values[0]
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1], rel=1e-12)


# ---- many samples --------------------------------------------------------------------------------------------


def test_blocks_of_samples_tell_what_single_samples_tell():
    n = 30_000
    random = np.random.default_rng(11)
    changes = [random.normal(loc=loc, size=n) for loc in (0.0, 0.007, -0.02)]
    columns = [*changes, np.ones(n)]
    blocks, single = in_blocks(columns, seed=0), in_blocks(columns, seed=0, single=n)
    assert (len(blocks), len(single)) == (5_000, n)
    assert set(blocks[:, -1]) == {6.0}
    assert blocks.sum(axis=0) == pytest.approx(single.sum(axis=0), rel=1e-9, abs=1e-9)
    found = []
    for rows in (blocks, single):
        sums = resampled_sums(rows, seed=0, resamples=3_000)
        means = sums[:, :3] / sums[:, 3:]
        found.append((sign_flips(rows[:, :3], seed=0, resamples=3_000), [interval(column) for column in means.T]))
    (p_blocks, blocks), (p_single, single) = found
    assert p_blocks == pytest.approx(p_single, abs=0.06)
    for one, other in zip(blocks, single, strict=True):
        assert one == pytest.approx(other, abs=0.1 * (other[1] - other[0]))


@pytest.mark.parametrize("make", [classified, estimated])
def test_the_interval_of_a_mean_of_many_samples_is_that_of_a_normal_mean(make):
    """Mean ± 1.96 standard errors; the loss of a single sample is its mean along no axis."""
    a, b = make(4, 30_000)
    metrics = performance(pair(a, b), resamples=4_000).metrics
    column = "probabilities" if a.classes else "predictions"
    for name in ("log_loss", "brier") if a.classes else ("mae",):
        one, other = [along(name, np.array(s.truths), np.array(getattr(s, column)), axis=()) for s in (a, b)]
        error = np.std(other - one) / math.sqrt(30_000)
        expected = [metrics[name].diff + sign * 1.96 * error for sign in (-1, 1)]
        assert [metrics[name].low, metrics[name].high] == pytest.approx(expected, abs=0.3 * error)


def test_sizes_of_blocks_differ_by_one_at_most():
    sizes = in_blocks([np.ones(SINGLE + 1)], seed=3)[:, 0]
    assert set(sizes) == {4.0, 5.0}


def test_blocks_are_random_so_that_an_order_of_the_ids_does_not_matter():
    sums = in_blocks([np.repeat([-1.0, 1.0], 15_000)], seed=0)[:, 0]
    assert np.std(sums) == pytest.approx(math.sqrt(6), rel=0.05)


def test_groups_are_tested_as_each_would_be_alone():
    """Of 30 to 5,000 samples, among them some above the limit from which blocks are flipped."""
    random = np.random.default_rng(2)
    sizes = [30, 31, 32, 33, 64, 500, 2_000, 2_001, 5_000, *[40] * 70]
    groups = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    differences = random.normal(loc=0.05, size=len(groups))
    p_values = sign_flips_of_groups(differences, groups, seed=0, resamples=RESAMPLES)
    for number, size in enumerate(sizes):
        alone = differences[groups == number][:, np.newaxis]
        expected = sign_flips(alone, seed=1, resamples=RESAMPLES)[0]
        blocks = 0.03 if size > 2_000 else 0  # other flips than those of single samples
        assert p_values[number] == pytest.approx(expected, abs=by_chance(expected) + blocks), size


def test_intervals_hold_the_truth_95_times_in_a_hundred():
    """2,000 simulations each; 93.3 to 96.7 % is what chance and a percentile interval of 350 samples allow."""
    random = np.random.default_rng(20240607)
    n, simulations, worse = 350, 2_000, 1.1
    mae = worse * math.sqrt(2 / math.pi) - math.sqrt(2 / math.pi)
    held = {"mae": 0, "accuracy": 0}
    ids = [str(row) for row in range(n)]
    for number in range(simulations):
        y = random.normal(size=n)
        shared, own_a, own_b = random.normal(size=(3, n)) / math.sqrt(2)
        a, b = (
            Samples(ids=ids, truths=y.tolist(), classes=False, predictions=predictions.tolist())
            for predictions in (y + shared + own_a, y + worse * (shared + own_b))
        )
        metric = performance(pair(a, b), seed=number, resamples=1_000).metrics["mae"]
        held["mae"] += metric.low <= mae <= metric.high
        fixed, broken, _ = random.multinomial(n, [0.15, 0.1, 0.75])
        low, high = flips_interval(int(fixed), int(broken), n, seed=number, resamples=1_000)
        held["accuracy"] += low <= 0.05 <= high
    assert 0.933 <= held["mae"] / simulations <= 0.967
    assert 0.933 <= held["accuracy"] / simulations <= 0.967


# ---- symmetry ------------------------------------------------------------------------------------------------


def assert_mirrored(a, b, **how):
    there, back = performance(pair(a, b), **how), performance(pair(b, a), **how)
    assert list(there.metrics) == list(back.metrics)
    for name, metric in there.metrics.items():
        other = back.metrics[name]
        assert (other.a, other.b, other.diff) == (metric.b, metric.a, -metric.diff)
        assert (other.low, other.high, other.p_value) == (-metric.high, -metric.low, metric.p_value)
        assert 0 < metric.p_value <= 1
        assert metric.low <= metric.high
        assert np.isfinite([metric.a, metric.b, metric.diff, metric.low, metric.high]).all()
    if there.mean_residual_change is not None:
        assert back.mean_residual_change == -there.mean_residual_change
    if there.flips is not None:
        flips = there.flips
        assert back.flips == replace(flips, fixed=flips.broken, broken=flips.fixed)
    assert not {change.name for change in there.slices} & {change.name for change in back.slices}


FINITE = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 3).map(float)


@st.composite
def any_versions(draw):
    """Classes or quantities, of all sizes a float has, and a few slices."""
    classes = draw(st.booleans())
    value = st.sampled_from([0.0, 1.0]) if classes else FINITE
    probability = st.floats(0, 1) if classes else st.none()
    rows = draw(st.lists(st.tuples(value, value, value, probability, probability), min_size=1, max_size=40))
    y, one, other, p_one, p_other = zip(*rows, strict=True)
    probabilities = (p_one, p_other) if classes else (None, None)
    slices = draw(st.sampled_from([None, ["x"] * len(rows)]))
    return versions(classes, y, (one, other), probabilities, slices)


@settings(deadline=None, max_examples=150)
@given(any_versions())
def test_an_exchange_of_the_versions_mirrors_everything_exactly(sides):
    assert_mirrored(*sides, resamples=100)


@pytest.mark.parametrize("make", [classified, estimated])
@pytest.mark.parametrize("n", [333, 5_000, SINGLE + 500])
def test_the_mirror_image_is_exact_for_many_samples(make, n):
    """With a single resample, which an interval cannot pass over, too."""
    slices = [f"s{row % 7}" for row in range(n)]
    a, b = make(n, n)
    for resamples in (300, 1):
        assert_mirrored(replace(a, slices=slices), replace(b, slices=slices), resamples=resamples)


def test_as_many_fixed_as_broken_gives_an_interval_around_0():
    low, high = flips_interval(7, 7, 50, seed=0, resamples=RESAMPLES)
    assert low == -high < 0


def test_the_same_seed_gives_the_same_result():
    pairs = pair(*classified(1))
    assert performance(pairs) == performance(pairs, seed=0, resamples=10_000) != performance(pairs, seed=1)


# ---- what is told --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [classified, estimated])
def test_versions_that_predict_the_same_differ_by_nothing(make):
    a, _ = make(1)
    found = performance(pair(a, a), resamples=200)
    assert len(found.metrics) == 3
    for metric in found.metrics.values():
        assert (metric.diff, metric.low, metric.high, metric.p_value) == (0, 0, 0, 1)
        assert "-" not in f"{metric.diff}{metric.low}{metric.high}"
    assert (found.mean_residual_change, found.slices) == (0, ())


def test_flips_count_who_is_right():
    a, b = versions(True, ["x"] * 10, (["x"] * 5 + ["y"] * 5, ["x"] * 4 + ["y"] * 3 + ["x"] * 3))
    found = performance(pair(a, b), resamples=100)
    assert (found.n, found.task) == (10, "classification")
    assert found.flips == Flips(fixed=3, broken=1, both_right=4, both_wrong=2)
    assert list(found.metrics) == ["accuracy"]
    assert found.mean_residual_change is None


def test_the_mean_residual_change_is_a_bias():
    """b estimates 0.5 less than a on the mean, so what is left of the truth is 0.5 more."""
    a, b = versions(False, [1.0, 2.0], ([1.0, 3.0], [1.0, 2.0]))
    assert performance(pair(a, b), resamples=1).mean_residual_change == 0.5
    a, b = versions(True, [0.0, 1.0], probabilities=([0.5, 0.5], [0.75, 1.0]))
    found = performance(pair(a, b), resamples=1)
    assert (found.mean_residual_change, found.flips) == (-0.375, None)


def test_one_sample_is_enough():
    found = performance(pair(*versions(False, [1.0], ([2.0], [4.0]))))
    assert list(found.metrics) == ["mae", "rmse"]
    mae = found.metrics["mae"]
    assert (mae.diff, mae.low, mae.high, mae.p_value) == (2, 2, 2, 1)
    found = performance(pair(*versions(True, [1.0], ([1.0], [0.0]), ([0.9], [0.1]))))
    assert list(found.metrics) == ["accuracy", "log_loss", "brier"]
    assert {metric.p_value for metric in found.metrics.values()} == {1}


def test_r2_needs_truths_that_vary():
    """0.1 three times has a mean that is not 0.1, and so a sum of squares that is not 0."""
    a, b = versions(False, [0.1] * 3, ([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]))
    assert list(performance(pair(a, b), resamples=10).metrics) == ["mae", "rmse"] == list(measures(a))
    a, b = versions(False, [1e9, 1e9 + 1], ([1e9, 1e9], [1e9, 1e9 + 1]))
    r2 = performance(pair(a, b), resamples=100).metrics["r2"]
    assert (r2.a, r2.b, r2.low, r2.high) == (-1, 1, 2, 2)  # resamples of one truth alone are left out


@pytest.mark.parametrize(("size", "expected"), [(1e160, ["mae"]), (1.7e308, []), (1e-170, ["mae", "rmse"])], ids=str)
def test_a_metric_beyond_all_numbers_is_left_out(size, expected):
    a, b = versions(False, [size, -size, 0.5 * size], ([-size, -size, 0.0], [size, size, size]), slices="xyx")
    found = performance(pair(a, b), resamples=100)
    assert list(found.metrics) == expected
    assert list(measures(a)) == expected


def test_r2_is_left_out_where_only_the_truths_vary_beyond_all_numbers():
    a, b = versions(False, [1e200, -1e200], ([1e200, -1e200], [1e200, -1e200]))
    assert list(performance(pair(a, b), resamples=10).metrics) == list(measures(a)) == ["mae", "rmse"]


# ---- slices --------------------------------------------------------------------------------------------------


def sliced(classes, sizes, seed=0):
    """Two versions on slices s0, s1, …; b is the worse, the higher the slice's number, and better on the first."""
    random = np.random.default_rng(seed)
    numbers = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    n, names = len(numbers), [f"s{number}" for number in numbers]
    if classes:
        y = random.integers(0, 2, n).astype(float)
        wrong = random.random((2, n)) < np.array([np.full(n, 0.3), 0.25 + 0.05 * numbers])
        return numbers, versions(True, y, [abs(y - each) for each in wrong], slices=names)
    y, errors = random.normal(size=n), random.normal(size=(2, n)) * np.array([np.ones(n), 0.9 + 0.1 * numbers])
    return numbers, versions(False, y, y + errors, slices=names)


@pytest.mark.parametrize("classes", [True, False])
def test_slices_in_which_b_is_worse_are_told_with_corrected_p_values(classes):
    sizes = [60, 60, 100, 29, 200, 2_500, 30, 5]
    numbers, (a, b) = sliced(classes, sizes)
    found = performance(pair(a, b))
    assert found.slices_left_out == 2
    assert found.slices_worse == len(found.slices)
    metric = "accuracy" if classes else "mae"
    expected, p_values = {}, []
    tested = [number for number, size in enumerate(sizes) if size >= MINIMUM]
    for number in tested:
        here = numbers == number
        y, one, other = (np.array(each)[here] for each in (a.truths, a.predictions, b.predictions))
        values = along(metric, y, one), along(metric, y, other)
        expected[f"s{number}"] = values
        change = (other == y) * 1.0 - (one == y) if classes else np.abs(y - other) - np.abs(y - one)
        exact = stats.binomtest(int((change > 0).sum()), int((change != 0).sum())).pvalue if classes else None
        p_values.append(exact if classes else flips_by_scipy(change))
    corrected = dict(zip(expected, multipletests(p_values, method="holm")[1], strict=True))
    worse = {name: one - other if classes else other - one for name, (one, other) in expected.items()}
    worst = sorted((name for name in worse if worse[name] > 0), key=lambda name: -worse[name])
    assert len(worst) > 2
    assert [change.name for change in found.slices] == worst
    for change in found.slices:
        assert (change.n, change.metric, change.goal) == (sizes[int(change.name[1:])], metric, GOALS[metric])
        assert (change.a, change.b) == pytest.approx(expected[change.name])
        assert change.diff == pytest.approx(change.b - change.a)
        apart = 1e-9 if classes else len(tested) * by_chance(corrected[change.name] / len(tested)) + 0.02
        assert change.p_value == pytest.approx(corrected[change.name], abs=apart)


def test_the_twenty_worst_slices_are_told():
    _, (a, b) = sliced(True, [40] * 60)
    found = performance(pair(a, b), resamples=100)
    assert found.slices_worse > len(found.slices) == MOST_SLICES
    assert [change.diff for change in found.slices] == sorted(change.diff for change in found.slices)


def test_a_slice_for_every_sample_tells_nothing():
    a, b = classified(1, 100_000)
    names = [f"s{row}" for row in range(100_000)]
    found = performance(pair(replace(a, slices=names), b), resamples=100)
    assert (found.slices, found.slices_left_out) == ((), 100_000)


def test_more_slices_than_permutations_cannot_be_told_apart():
    """Holm multiplies the smallest p-value that 50 permutations give, 1/51, by the 60 slices."""
    _, (a, b) = sliced(False, [40] * 60)
    found = performance(pair(a, b), resamples=50)
    assert {change.p_value for change in found.slices} == {1.0}
    assert {change.p_value for change in performance(pair(a, b), resamples=1_000).slices} != {1.0}
