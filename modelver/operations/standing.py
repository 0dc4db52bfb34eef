"""What a version stands as in the registry: its labels, its stages, its state."""

from __future__ import annotations

from modelver.catalog import Catalog


def labels_of(catalog: Catalog, model: str, version: str) -> tuple[str, ...]:
    """The labels of a version, sorted."""
    return tuple(sorted(label for label, holder in catalog.labels(model).items() if holder == version))


def stages_of(catalog: Catalog, model: str, version: str) -> tuple[str, ...]:
    """The stages that a version holds, sorted."""
    return tuple(sorted(name for name, pointer in catalog.pointers(model).items() if pointer.version == version))


def state_of(catalog: Catalog, model: str, version: str) -> str:
    """`staged` where it holds a stage, else `archived` or `development` (rule S2: a held stage wins)."""
    if stages_of(catalog, model, version):
        return "staged"
    return "archived" if version in catalog.archived(model) else "development"
