"""Compare several versions by one metric: a leaderboard; and one metric over all versions of a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from modelver.catalog import Catalog
from modelver.domain import names
from modelver.domain.evidence import Evidence
from modelver.domain.metrics import Goal, goal_of, improvement
from modelver.domain.text import nearest, quoted
from modelver.errors import NotFound, UsageError
from modelver.operations.compared import Leaderboard, Point, Rank, Trend
from modelver.operations.sides import rules_of
from modelver.operations.standing import labels_of, stages_of
from modelver.operations.workspace import Workspace
from modelver.records.rules import Rules


def compare(workspace: Workspace, refs: Sequence[str], *, metric: str | None = None) -> Leaderboard:
    """Several versions, the best in one metric first; those that lack it come last, without a rank.

    The metric is by default the primary one of the configuration, else the first that all of them have and whose goal
    is known. Versions that are as good share a rank.
    """
    if len(refs) < 2:
        raise UsageError("compare takes two or more versions", hint="modelver compare REF REF…")
    found = {(each.model, each.version): each for each in map(workspace.find, refs)}
    if len(found) < 2:
        raise UsageError("compare takes two or more versions, and all of these are one")
    catalog = workspace.chosen
    known = [catalog.evidence(catalog.record(each)) for each in found.values()]
    told: list[str] = []
    rules = rules_of(catalog, [each.version.model for each in known], told)
    name = metric if metric is not None else _chosen(known, rules)
    if not any(name in each.metrics for each in known):
        raise _no_metric(name, (each for every in known for each in every.metrics))
    goal = goal_of(name, rules.metrics)
    if goal is None:
        told.append(f"the goal of {name} is not known, so nobody is ranked; the configuration can name it")
    ranks = [_rank(catalog, each, name, known, goal) for each in known]
    ranks.sort(key=lambda rank: (rank.value is None, rank.rank or 0, -(rank.value or 0) if goal is None else 0))
    return Leaderboard(
        metric=name,
        goal=goal,
        ranks=tuple(ranks),
        remarks=(*told, *workspace.unread_configuration(catalog, known[0].version.model), *catalog.config.warnings),
    )


def _chosen(known: Sequence[Evidence], rules: Rules) -> str:
    if rules.primary is not None:
        return rules.primary
    shared = set.intersection(*(set(each.metrics) for each in known))
    usual = next((name for name in sorted(shared) if goal_of(name, rules.metrics)), None)
    if usual is None:
        raise UsageError(
            "there is no metric with a known goal that all of them have", hint="modelver compare REF… --metric NAME"
        )
    return usual


def _rank(catalog: Catalog, each: Evidence, metric: str, others: Sequence[Evidence], goal: Goal | None) -> Rank:
    record, value = each.version, each.metrics.get(metric)
    values = [other.metrics[metric] for other in others if metric in other.metrics]
    ahead = [one for one in values if goal is not None and value is not None and improvement(goal, value, one) > 0]
    return Rank(
        rank=None if goal is None or value is None else 1 + len(ahead),
        model=record.model,
        version=record.version,
        created_at=record.created_at,
        value=value,
        source=each.sources.get(metric),
        labels=labels_of(catalog, record.model, record.version),
        stages=stages_of(catalog, record.model, record.version),
        metrics=each.metrics,
        size=record.artifact.size,
    )


def trend(workspace: Workspace, model: str, metric: str, *, limit: int | None = None) -> Trend:
    """One metric over the versions of a model, oldest first; with `limit` the newest that have it."""
    catalog = workspace.catalog
    name = names.parse_model(model)
    versions = catalog.versions(name)
    if not versions:
        catalog.find(name)  # raises with the nearest names
        raise NotFound(f"{name} has no versions", hint="modelver list")
    known = list(catalog.evidences(name, versions))
    having = [each for each in known if metric in each.metrics]
    if not having:
        raise _no_metric(metric, (each for every in known for each in every.metrics))
    shown = having[-limit:] if limit else having
    return Trend(
        model=name,
        metric=metric,
        goal=goal_of(metric, catalog.rules(name).metrics),
        points=tuple(_point(catalog, each, metric) for each in shown),
        missing=len(known) - len(having),
    )


def _point(catalog: Catalog, each: Evidence, metric: str) -> Point:
    record = each.version
    return Point(
        version=record.version,
        created_at=record.created_at,
        value=each.metrics[metric],
        source=each.sources[metric],
        labels=labels_of(catalog, record.model, record.version),
        stages=stages_of(catalog, record.model, record.version),
    )


def _no_metric(name: str, known: Iterable[str]) -> NotFound:
    near = nearest(name, sorted(set(known)))
    return NotFound(
        f"no version has the metric {quoted(name)}", hint=f"did you mean {' or '.join(near)}?" if near else None
    )
