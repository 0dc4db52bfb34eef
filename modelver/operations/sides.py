"""The two sides of a comparison, as they are shown and as they are weighed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from modelver import files
from modelver.catalog import Catalog
from modelver.domain import lifecycle
from modelver.domain.comparison import Compared, Comparison, Criteria, compare
from modelver.domain.evidence import Evidence
from modelver.domain.importance import DEFAULT
from modelver.domain.records import Attachment
from modelver.domain.text import quoted
from modelver.errors import NotFound, UsageError
from modelver.operations import characteristics
from modelver.operations.artifact import artifact_of
from modelver.operations.compared import Side
from modelver.operations.predictions import Predictions
from modelver.operations.standing import labels_of, stages_of
from modelver.operations.workspace import Workspace
from modelver.records.rules import THRESHOLD, Rules
from modelver.storage.trees import Entry


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """A side with all that is compared of it."""

    side: Side
    compared: Compared
    predictions: Attachment | None = None


def criteria_of(rules: Rules) -> Criteria:
    """What a team compares by, its defaults where nothing is said."""
    return Criteria(
        goals=rules.metrics,
        threshold=THRESHOLD if rules.threshold is None else rules.threshold,
        primary=rules.primary,
        importance=DEFAULT if rules.importance is None else rules.importance,
    )


def rules_of(catalog: Catalog, models: Sequence[str], told: list[str]) -> Rules:
    """What versions of some models are compared by: the rules that all of them share, else those for all models."""
    found = [catalog.rules(model) for model in dict.fromkeys(models)]
    if found and all(rules == found[0] for rules in found):
        return found[0]
    if found:
        told.append("the models have different rules on their cards, so those of config.yaml count")
    return catalog.config.rules


def of_version(workspace: Workspace, catalog: Catalog, evidence: Evidence, told: list[str]) -> Weighed:
    """A version as a side; the stages that it holds come with what they ask of others."""
    record = evidence.version
    stages = stages_of(catalog, record.model, record.version)
    rules = catalog.rules(record.model)
    return Weighed(
        side=Side(
            model=record.model,
            version=record.version,
            created_at=record.created_at,
            message=record.message,
            artifact=record.artifact,
            labels=labels_of(catalog, record.model, record.version),
            stages=stages,
            sources=evidence.sources,
        ),
        compared=Compared(
            metrics=evidence.metrics,
            params=record.params,
            characteristics=characteristics.of_version(workspace.store, record, told),
            stages={stage: limits for stage in stages if (limits := limits_of(rules, stage))},
        ),
        predictions=evidence.predictions,
    )


def limits_of(rules: Rules, stage: str) -> Mapping[str, float]:
    """How much worse than its holder a stage lets a newcomer be, for each metric a share."""
    key = lifecycle.rule_of(stage, rules.stages or {})
    limits = (rules.stages or {})[key].get("must_not_regress", {}) if key is not None else {}
    assert isinstance(limits, Mapping)
    return {name: share for name, share in limits.items() if isinstance(share, int | float)}


def of_file(workspace: Workspace, typed: str, told: list[str]) -> Weighed:
    """A file or a directory that is registered nowhere: its bytes, and nothing else is known of it."""
    path = workspace.typed(typed)
    name = (workspace.relative(path) if workspace.repository.work_tree else None) or typed
    try:
        stored, entries = workspace.store.look(path, cache=workspace.stat_cache, name=name)
    except NotFound:
        raise UsageError(
            f"{quoted(typed)} is not there", hint="give a file, or a version without ./ before it"
        ) from None
    artifact = artifact_of(path, name, stored)
    found = characteristics.of_artifact(artifact, entries, lambda entry: _opened(path, entry), typed, told)
    return Weighed(
        side=Side(model=None, version=None, created_at=None, message="", artifact=artifact),
        compared=Compared(metrics={}, params=None, characteristics=found),
    )


def _opened(path: Path, entry: Entry) -> BinaryIO:
    with files.disk_errors(f"read {quoted(str(path))}"):
        return (path / entry.path if entry.path else path).open("rb")


def weigh(a: Weighed, b: Weighed, criteria: Criteria, predictions: Predictions | None, told: list[str]) -> Comparison:
    """Compare two sides, with their samples where both have some; `told` gets why some are not used."""
    delta = unread = None
    sides = [(each.side, each.predictions) for each in (a, b)]
    absent = [side.version for side, attachment in sides if attachment is None]
    if predictions is not None and a.predictions is not None and b.predictions is not None:
        try:
            delta = predictions.delta(a.predictions, b.predictions)
        except NotFound as error:
            unread = error.message
            told.append(f"samples are not compared: {unread}")
    elif predictions is not None and len(absent) == 1 and absent != [None]:
        told.append(f"samples are not compared, because {absent[0]} has none")
    return compare(a.compared, b.compared, criteria, delta, unread)
