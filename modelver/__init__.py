"""modelver: your Git repository is the model registry.

>>> import modelver
>>> registry = modelver.open(".")                                   # doctest: +SKIP
>>> version = registry.add("model.safetensors", model="fraud")      # doctest: +SKIP
"""

from __future__ import annotations

TYPE_CHECKING = False  # as checkers of types take it: to load `typing` costs a third of Python's own start

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from typing import Any

    from modelver.errors import ModelverError as ModelverError
    from modelver.operations.inputs import Code as Code
    from modelver.operations.inputs import Data as Data
    from modelver.operations.inputs import Parent as Parent
    from modelver.registry import Registry
    from modelver.tracking import track as track

__version__ = "0.1.0"
__all__ = ["Code", "Data", "ModelverError", "Parent", "Registry", "__version__", "open", "track"]

_HOMES = {
    "Code": "modelver.operations.inputs",
    "Data": "modelver.operations.inputs",
    "ModelverError": "modelver.errors",
    "Parent": "modelver.operations.inputs",
    "Registry": "modelver.registry",
    "track": "modelver.tracking",
}


def open(
    directory: str | os.PathLike[str] = ".", settings: Mapping[str, str] | None = None, *, at: str | None = None
) -> Registry:
    """The registry in the Git repository that `directory` lies in; raises `NotFound` where there is none.

    With `at`, a revision or a date in ISO 8601, it is read as it was then.
    """
    from modelver.registry import Registry

    return Registry(directory, settings, at=at)


def __getattr__(name: str) -> Any:
    # Loaded on first use, so that `modelver --version` pays for none of it.
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
