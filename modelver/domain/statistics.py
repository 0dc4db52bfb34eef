"""Intervals and tests of paired differences: bootstrap, McNemar, sign flips, Holm.

Everything is a function of its arguments: random draws come from `seed`, and an exchange of the two sides turns every
difference, and so every result, into its exact mirror image.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

SINGLE = 20_000
"""Up to so many samples each is drawn or flipped by itself, above in blocks."""

BLOCKS = 5_000

_GROUP_SINGLE, _GROUP_BLOCKS = 2_000, 1_000
_TABLE = 2**13  # numbers drawn at a time: they stay in the cache, and the allocator uses their memory again
_PRODUCT = 2**19 - 1  # multiplications at a time: for more OpenBLAS starts threads, which wait on a busy machine
_GROUPS = 32  # columns of one product
_TIE = 1e-12  # of the sum of all sizes: more than rounding makes of two equal sums, far less than a real difference
_DRAW, _FLIP, _SHUFFLE = range(3)  # each purpose has its own stream of random numbers


def in_blocks(columns: Sequence[Array], *, seed: int, single: int = SINGLE) -> Array:
    """The columns side by side; above `single` rows as sums over random blocks, whose sizes differ by one at most.

    The sum over a block of samples that are independent is as good a thing to resample, or to flip, as a sample.
    """
    n = len(columns[0])
    if n <= single:
        return np.column_stack(columns)
    order = _random(seed, _SHUFFLE).permutation(n)
    starts = np.arange(BLOCKS, dtype=np.int64) * n // BLOCKS
    return np.column_stack([np.add.reduceat(column[order], starts) for column in columns])


def resampled_sums(rows: Array, *, seed: int, resamples: int) -> Array:
    """The bootstrap: for each resample the sum of as many rows as there are, drawn with replacement."""
    n, random = len(rows), _random(seed, _DRAW)
    sums = np.empty((resamples, rows.shape[1]))
    times = np.empty((max(1, min(16 * _TABLE, _PRODUCT // rows.shape[1]) // n), n))
    for start, count in _chunks(resamples, len(times)):
        for first, some in _chunks(count, max(1, _TABLE // n)):
            times[first : first + some] = _times_drawn(random, some, n)
        sums[start : start + count] = times[:count] @ rows
    return sums


def _times_drawn(random: np.random.Generator, count: int, n: int) -> Numbers:
    """A row for each resample: how often each of `n` things came up in `n` draws.

    High bits of products are twice as fast as integers(n), and a thing is likelier than another by n / 2**32 at most.
    """
    drawn = random.bit_generator.random_raw(-(-count * n // 2)).view(np.uint32)[: count * n] * np.uint64(n)
    drawn >>= np.uint64(32)
    cells = drawn.view(np.int64).reshape(count, n)
    cells += np.arange(count)[:, np.newaxis] * n
    return np.bincount(cells.ravel(), minlength=count * n).reshape(count, n)


def interval(values: Array) -> tuple[float, float]:
    """The middle 95 % of `values`, from one of them to another, so that it is mirrored if they are.

    >>> interval(np.arange(1.0, 41.0))
    (2.0, 39.0)
    """
    ordered, outside = np.sort(values), len(values) // 40
    return float(ordered[outside]) + 0.0, float(ordered[-1 - outside]) + 0.0  # + 0.0 makes 0 of -0


def flips_interval(fixed: int, broken: int, n: int, *, seed: int, resamples: int) -> tuple[float, float]:
    """The bootstrap's 95 % interval of (fixed − broken) / n.

    How often each of the three values +1, -1 and 0 comes up in n draws with replacement is multinomial, so no sample
    has to be drawn.
    """
    more, fewer = max(fixed, broken), min(fixed, broken)
    drawn = _random(seed, _DRAW).multinomial(n, [more / n, fewer / n, (n - more - fewer) / n], size=resamples)
    values = (drawn[:, 0] - drawn[:, 1]) / n
    if fixed == broken:  # neither side is "more": every draw stands for its mirror image too
        values = np.concatenate([values, -values])
    return interval(values if fixed >= broken else -values)


def mcnemar(fixed: int, broken: int) -> float:
    """McNemar's exact two-sided p-value: min(1, 2·P(X ≤ min)) for X ~ Binomial(fixed + broken, ½).

    The binomial coefficients are taken relative to the largest, from there downwards, and divided by their sum;
    a difference of lgammas has but eight digits at a million flips. Never 0: the smallest is about 2e-308.

    >>> mcnemar(0, 5), mcnemar(3, 3)
    (0.0625, 1.0)
    """
    n, middle = fixed + broken, (fixed + broken) // 2
    if fixed == broken:
        return 1.0
    reach = min(middle, 20 * math.isqrt(n) + 20)  # C(n, middle − j) / C(n, middle) < exp(−2·20²) beyond: nothing
    k = np.arange(middle, middle - reach, -1, dtype=np.float64)
    weights = np.cumprod(np.concatenate([[1.0], k / (n - k + 1)]))  # C(n, k−1) = C(n, k)·k / (n−k+1)
    everything = 2 * weights.sum() - (n % 2 == 0)  # both halves, and an even n has the middle but once
    tail = weights[middle - min(fixed, broken) :].sum()
    return float(min(1.0, max(2 * tail / everything, sys.float_info.min)))


def sign_flips(differences: Array, *, seed: int, resamples: int) -> Array:
    """The p-value of each column: how often its sum is as far from 0 if every row is turned round at random.

    (1 + k) / (1 + resamples), k counting those at least as far (Phipson & Smyth 2010), equal ones included.
    """
    n, columns = differences.shape
    largest = np.abs(differences).max(axis=0)
    scaled = differences / np.where(largest > 0, largest, 1.0)  # no sum of them overflows
    total, random = scaled.sum(axis=0), _random(seed, _FLIP)
    bound = np.abs(total) - _TIE * np.abs(scaled).sum(axis=0)
    as_far = np.zeros(columns, dtype=np.int64)
    turned = np.empty((max(1, min(4 * _TABLE, _PRODUCT // columns) // n), n))
    for _, count in _chunks(resamples, len(turned)):
        octets = np.frombuffer(random.bytes(count * -(-n // 8)), dtype=np.uint8).reshape(count, -1)
        turned[:count] = np.unpackbits(octets, axis=1, count=n)
        as_far += (np.abs(total - 2 * (turned[:count] @ scaled)) >= bound).sum(axis=0)
    return (1 + as_far) / (1 + resamples)


def sign_flips_of_groups(differences: Array, groups: Numbers, *, seed: int, resamples: int) -> Array:
    """`sign_flips` for each group of samples; `groups` numbers them from 0, and none is empty.

    Groups of about the same size are columns of one table, filled up with zeros; a large group is put into blocks.
    """
    sizes = np.bincount(groups)
    heights = np.where(sizes > _GROUP_SINGLE, _GROUP_BLOCKS, sizes)
    rows = _ranks(groups, sizes, seed) % heights[groups]
    heights = 2 ** np.ceil(np.log2(heights)).astype(np.int64)
    p_values = np.empty(len(sizes))
    for height in np.unique(heights):
        chosen = heights == height
        here, width = chosen[groups], int(chosen.sum())
        columns = (np.cumsum(chosen) - 1)[groups[here]]
        cells = np.zeros((int(height), width))
        np.add.at(cells, (rows[here], columns), differences[here])
        parts = np.array_split(cells, -(-width // _GROUPS), axis=1)
        p_values[chosen] = np.concatenate([sign_flips(part, seed=seed, resamples=resamples) for part in parts])
    return p_values


def holm(p_values: Array) -> Array:
    """The p-values corrected for their number, step by step from the smallest (Holm 1979).

    >>> holm(np.array([0.5, 0.125, 0.25])).tolist()
    [0.5, 0.375, 0.5]
    """
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * np.arange(len(p_values), 0, -1)))
    return corrected


def _ranks(groups: Numbers, sizes: Numbers, seed: int) -> Numbers:
    """For each sample its place in its group, from 0 and by chance."""
    shuffled = _random(seed, _SHUFFLE).permutation(len(groups))
    order = shuffled[np.argsort(groups[shuffled], kind="stable")]
    ranks = np.empty(len(groups), dtype=np.int64)
    ranks[order] = np.arange(len(groups)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return ranks


def _chunks(length: int, step: int) -> Iterator[tuple[int, int]]:
    """Start and length of each piece of what has `length`, `step` long but for the last."""
    return ((start, min(step, length - start)) for start in range(0, length, step))


def _random(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([seed, purpose])
