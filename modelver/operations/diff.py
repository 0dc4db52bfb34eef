"""Compare two versions, or a version with a file."""

from __future__ import annotations

from modelver.catalog import Catalog
from modelver.domain.references import File, parse
from modelver.domain.resolution import Resolved
from modelver.domain.text import quoted
from modelver.errors import CannotTell, NotFound, UsageError
from modelver.operations.branch import differing, yank_remark
from modelver.operations.compared import Difference
from modelver.operations.predictions import Predictions
from modelver.operations.sides import Weighed, criteria_of, of_file, of_version, rules_of, weigh
from modelver.operations.workspace import Workspace

_HOLDER = "production"


def diff(workspace: Workspace, a: str | None, b: str, *, samples: bool = True) -> Difference:
    """How version `b` differs from `a`; by default `a` is the holder of production, else the version before `b`.

    Each may also be the path of a file. Goals of metrics and the threshold are those of the model, or of the registry
    where two models have different ones. Without `samples` the files of predictions are left out. Raises `CannotTell`
    for predictions that do not belong together.
    """
    told: list[str] = []
    new = _found(workspace, b)
    if a is None and new is None:
        raise UsageError(f"which version is {quoted(b)} compared with?", hint=f"modelver diff REF {b}")
    old = _found(workspace, a) if a is not None else _counterpart(workspace, new)
    catalog, model = workspace.chosen, (new or old)
    rules = rules_of(catalog, [each.model for each in (old, new) if each is not None], told)
    first = _side(workspace, catalog, old, a, told)
    second = _side(workspace, catalog, new, b, told)
    _name_known_bytes(catalog, first, second, told)
    try:
        comparison = weigh(first, second, criteria_of(rules), Predictions(workspace) if samples else None, told)
    except CannotTell as error:
        error.hints.append("modelver diff A B --no-samples    compares without the predictions")
        raise
    return Difference(
        a=first.side,
        b=second.side,
        comparison=comparison,
        remarks=(
            *(() if a is not None else (f"compared with {first.side.name}",)),
            *told,
            *workspace.unread_configuration(catalog, model.model if model else None),
            *catalog.config.warnings,
        ),
    )


def _found(workspace: Workspace, typed: str) -> Resolved | None:
    """The version that is meant; None for the path of a file."""
    return None if isinstance(parse(typed).place, File) else workspace.find(typed)


def _side(
    workspace: Workspace, catalog: Catalog, found: Resolved | None, typed: str | None, told: list[str]
) -> Weighed:
    if found is None:
        return of_file(workspace, typed or "", told)
    return of_version(workspace, catalog, catalog.evidence(catalog.record(found)), told)


def _name_known_bytes(catalog: Catalog, a: Weighed, b: Weighed, told: list[str]) -> None:
    """Say so where a file has the bytes of a version of the other side's model."""
    for unknown, model in ((a.side, b.side.model), (b.side, a.side.model)):
        if unknown.version is None and model is not None:
            records = catalog.records(model, catalog.versions(model))
            same = [record.version for record in records if record.artifact.digest == unknown.artifact.digest]
            told += [f"{quoted(unknown.name)} has the bytes of {version}" for version in same[-1:]]


def _counterpart(workspace: Workspace, found: Resolved | None) -> Resolved:
    """What a single version is compared with."""
    assert found is not None
    catalog = workspace.catalog
    pointer = catalog.stage(found.model, _HOLDER)
    if workspace.at is None and (remark := differing(workspace.branch, catalog, found.model, _HOLDER)):
        workspace.told.append(remark)
    if pointer is not None and pointer.version not in (None, found.version):
        holder = Resolved(model=found.model, version=pointer.version or "")
        workspace.told.extend(filter(None, [yank_remark(catalog, holder)]))
        return holder
    retired = catalog.retired(found.model)
    before = [each for each in catalog.versions(found.model) if each < found.version and each not in retired]
    if not before:
        raise NotFound(f"there is no version of {found.model} before {found.version}", hint="modelver diff A B")
    return Resolved(model=found.model, version=before[-1])
