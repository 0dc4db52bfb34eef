"""How alike two versions are: the index of Jaccard over the sets of their characteristics."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from modelver.domain.records import Input, Value

ASPECTS = ("params", "inputs", "code", "environment", "files", "format", "tensors", "meta")
"""All aspects, in the order in which they are shown."""


@dataclass(frozen=True, slots=True)
class Characteristic:
    """One property of a version; two are the same where their keys are, `text` is for people."""

    key: Hashable
    text: str = field(compare=False)


Characteristics = Mapping[str, frozenset[Characteristic] | None]
"""The characteristics of one version by aspect; None where nobody can tell, as for the tensors of absent bytes."""


@dataclass(frozen=True, kw_only=True)
class Aspect:
    """How alike two versions are in one aspect, None without a ground; and what only one of them has, sorted."""

    value: float | None
    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Similarity:
    """How alike two versions are over all aspects that both are known in, and in each; None without a ground."""

    overall: float | None
    aspects: Mapping[str, Aspect]


def similarity(a: Characteristics, b: Characteristics) -> Similarity:
    """|A ∩ B| / |A ∪ B| over all characteristics, and aspect by aspect; two empty sets give no number."""
    aspects: dict[str, Aspect] = {}
    shared = together = 0
    for name in ASPECTS:
        left, right = a.get(name), b.get(name)
        if left is None or right is None:
            aspects[name] = Aspect(value=None)
            continue
        shared += len(left & right)
        together += len(left | right)
        aspects[name] = Aspect(
            value=_share(len(left & right), len(left | right)),
            only_a=tuple(sorted(each.text for each in left - right)),
            only_b=tuple(sorted(each.text for each in right - left)),
        )
    return Similarity(overall=_share(shared, together), aspects=aspects)


def _share(part: int, whole: int) -> float | None:
    return float(Fraction(part, whole)) if whole else None


def of_values(values: Mapping[str, Value]) -> frozenset[Characteristic]:
    """Each key with its value, as of params and metadata."""
    return frozenset(
        Characteristic((name, value_key(value)), f"{name}={value_text(value)}") for name, value in values.items()
    )


def of_inputs(inputs: Iterable[Input]) -> frozenset[Characteristic]:
    """Each input by kind, id and digest."""
    return frozenset(
        Characteristic((each.kind, each.id, each.digest), f"{each.kind} {each.id}" + _short(each.digest))
        for each in inputs
    )


def of_words(words: Iterable[str]) -> frozenset[Characteristic]:
    """Each word by itself."""
    return frozenset(Characteristic(word, word) for word in words)


def of_files(files: Iterable[tuple[str, str]]) -> frozenset[Characteristic]:
    """Each file by its path inside the artifact (empty for an artifact that is one file) and its digest."""
    return frozenset(Characteristic((path, digest), (path or "the file") + _short(digest)) for path, digest in files)


def value_key(value: Value) -> Hashable:
    """A value as one that can stand in a set; 1 and 1.0 are the same number, 1 and true are not."""
    if isinstance(value, Mapping):
        return "map", tuple((key, value_key(each)) for key, each in sorted(value.items()))
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "list", tuple(map(value_key, value))
    return "truth" if isinstance(value, bool) else "", value


def value_text(value: Value) -> str:
    """A value as people read it: a string as it is, all else as JSON writes it."""
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(digest: str | None) -> str:
    return f" {digest.removeprefix('sha256:')[:12]}" if digest else ""
