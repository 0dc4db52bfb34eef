"""The results of comparing: two versions, several, and one metric over all versions of a model.

As in `results`, the fields are the keys of the JSON documents, which are a contract.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from modelver.domain.records import Artifact
from modelver.operations.results import told

if TYPE_CHECKING:
    from modelver.domain.comparison import Comparison, ParameterChange
    from modelver.domain.metrics import Goal
    from modelver.domain.recommendation import Guardrail, MetricChange
    from modelver.domain.samples import PairedMetric, PerformanceDelta, SliceChange


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison: a version, or a file that is registered nowhere, which has no model and no version.

    `sources` tells for each metric where it comes from: `record`, or the name of a note.
    """

    model: str | None
    version: str | None
    created_at: datetime | None
    message: str
    artifact: Artifact
    labels: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    sources: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def name(self) -> str:
        """The id, or the path of a file."""
        return self.version or self.artifact.path


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How side `b` differs from side `a`, and which of the two the numbers speak for."""

    a: Side
    b: Side
    comparison: Comparison
    remarks: tuple[str, ...] = told()

    @property
    def recommendation(self) -> str:
        """`RECOMMEND_A`, `RECOMMEND_B`, `SIMILAR_PERFORMANCE` or `INSUFFICIENT_DATA`."""
        return self.comparison.recommendation

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        a, b, found = self.a, self.b, self.comparison
        return {
            "a": a.version,
            "b": b.version,
            "models": {"a": a.model, "b": b.model},
            "metrics": {change.name: _metric(change, a, b) for change in found.metrics},
            "parameters": {change.name: _parameter(change) for change in found.parameters},
            "artifacts": {
                "a": _artifact(a.artifact),
                "b": _artifact(b.artifact),
                "identical": a.artifact.digest == b.artifact.digest,
            },
            "performance_delta": None if found.delta is None else _delta(found.delta),
            "importance": found.importance,
            "similarity": {
                "overall": found.similarity.overall,
                "aspects": {name: aspect.value for name, aspect in found.similarity.aspects.items()},
                "differences": {
                    name: {"only_a": aspect.only_a, "only_b": aspect.only_b}
                    for name, aspect in found.similarity.aspects.items()
                    if aspect.only_a or aspect.only_b
                },
            },
            "score": found.score,
            "threshold": found.threshold,
            "recommendation": found.recommendation,
            "reasons": found.reasons,
            "guardrails": [_guardrail(rail) for rail in found.guardrails],
            "remarks": self.remarks,
        }


def _metric(change: MetricChange, a: Side, b: Side) -> dict[str, Any]:
    shown = {"a": change.a, "b": change.b, "diff": change.diff, "improved": change.improved}
    sources = {"a": a.sources.get(change.name), "b": b.sources.get(change.name)}
    return shown | _goal(change.goal) | {"sources": sources}


def _goal(goal: Goal | None) -> dict[str, Any]:
    return {"goal": goal.direction if goal else None, "goal_assumed": goal.assumed if goal else None}


def _parameter(change: ParameterChange) -> dict[str, Any]:
    only = None if change.in_a and change.in_b else "a" if change.in_a else "b"
    return {"a": change.a, "b": change.b, "same": change.same, "only": only}


def _artifact(artifact: Artifact) -> dict[str, Any]:
    shown = {name: getattr(artifact, name) for name in ("path", "kind", "size", "files", "format")}
    return {**shown, "hash": artifact.digest.removeprefix("sha256:")}


def _delta(delta: PerformanceDelta) -> dict[str, Any]:
    return {
        "n": delta.n,
        "task": delta.task,
        "mean_residual_change": delta.mean_residual_change,
        "metrics": {name: _paired(each) for name, each in delta.metrics.items()},
        "flips": delta.flips,
        "slices": [_slice(each) for each in delta.slices],
        "slices_worse": delta.slices_worse,
        "slices_left_out": delta.slices_left_out,
    }


def _paired(each: PairedMetric) -> dict[str, Any]:
    interval = {"ci": [each.low, each.high], "p_value": each.p_value, "method": each.method}
    return {"a": each.a, "b": each.b, "diff": each.diff, **interval, "goal": each.goal.direction}


def _slice(each: SliceChange) -> dict[str, Any]:
    values = {"a": each.a, "b": each.b, "diff": each.diff, "p_value": each.p_value}
    return {"slice": each.name, "n": each.n, "metric": each.metric, **values}


def _guardrail(rail: Guardrail) -> dict[str, Any]:
    holder, newcomer = (rail.holder, "b" if rail.holder == "a" else "a")
    values = {holder: rail.held, newcomer: rail.other}
    named = {"stage": rail.stage, "metric": rail.metric, "limit": rail.limit, "holder": rail.holder}
    return named | {"a": values["a"], "b": values["b"], "regressed": rail.regressed}


@dataclass(frozen=True, kw_only=True)
class Rank:
    """One version on a leaderboard; `rank` is None where it lacks the metric or nobody knows which way is better."""

    rank: int | None
    model: str
    version: str
    created_at: datetime
    value: int | float | None
    source: str | None
    labels: tuple[str, ...]
    stages: tuple[str, ...]
    metrics: Mapping[str, int | float]
    size: int

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """Several versions, the best in one metric first."""

    metric: str
    goal: Goal | None
    ranks: tuple[Rank, ...]
    remarks: tuple[str, ...] = told()

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        return {"metric": self.metric, **_goal(self.goal), "ranks": self.ranks}


@dataclass(frozen=True, kw_only=True)
class Point:
    """The value that one version has of a metric, and where it comes from."""

    version: str
    created_at: datetime
    value: int | float
    source: str
    labels: tuple[str, ...]
    stages: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Trend:
    """One metric over the versions of a model, oldest first; `missing` counts those that lack it."""

    model: str
    metric: str
    goal: Goal | None
    points: tuple[Point, ...]
    missing: int
    remarks: tuple[str, ...] = told()

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        points = {"points": self.points, "missing": self.missing}
        return {"model": self.model, "metric": self.metric, **_goal(self.goal), **points}
