"""Compare two versions."""

from __future__ import annotations

from modelver.domain.comparison import compare
from modelver.domain.resolution import Resolved
from modelver.errors import NotFound
from modelver.operations.branch import differing
from modelver.operations.results import Difference
from modelver.operations.workspace import Workspace
from modelver.records.rules import THRESHOLD

_HOLDER = "production"


def diff(workspace: Workspace, a: str | None, b: str) -> Difference:
    """How version `b` differs from `a`; by default `a` is the holder of production, else the version before `b`.

    Goals of metrics and the threshold are those of b's model.
    """
    new = workspace.find(b)
    old = workspace.find(a) if a is not None else _counterpart(workspace, new)
    catalog = workspace.chosen
    rules = catalog.rules(new.model)
    first, second = catalog.record(old), catalog.record(new)
    threshold = THRESHOLD if rules.threshold is None else rules.threshold
    return Difference(
        a=first,
        b=second,
        comparison=compare(first, second, rules.metrics, threshold),
        remarks=(
            *(() if a is not None else (f"compared with {old.version}",)),
            *workspace.unread_configuration(catalog, new.model),
            *catalog.config.warnings,
        ),
    )


def _counterpart(workspace: Workspace, found: Resolved) -> Resolved:
    """What a single version is compared with."""
    catalog = workspace.catalog
    pointer = catalog.stage(found.model, _HOLDER)
    if workspace.at is None and (remark := differing(workspace.branch, catalog, found.model, _HOLDER)):
        workspace.told.append(remark)
    if pointer is not None and pointer.version not in (None, found.version):
        return Resolved(model=found.model, version=pointer.version or "")
    retired = catalog.retired(found.model)
    before = [each for each in catalog.versions(found.model) if each < found.version and each not in retired]
    if not before:
        raise NotFound(f"there is no version of {found.model} before {found.version}", hint="modelver diff A B")
    return Resolved(model=found.model, version=before[-1])
