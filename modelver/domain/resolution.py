"""From a parsed reference to one version: rule R1's order, on facts that a `View` gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from modelver.domain import names, semver
from modelver.domain.records import StagePointer
from modelver.domain.references import (
    Alone,
    Event,
    File,
    Highest,
    Identified,
    InRange,
    Named,
    Reference,
    is_prefix,
)
from modelver.domain.text import nearest, quoted
from modelver.errors import NotFound, UsageError

_SHOWN = 10


class View(Protocol):
    """What is known of a registry: the records of one tree, and every version's tag."""

    def models(self) -> Collection[str]:
        """The models with a version in the tree."""

    def versions(self, model: str) -> Sequence[str]:
        """The ids of a model's versions in the tree, oldest first."""

    def retired(self, model: str) -> Collection[str]:
        """Those of them that are archived or yanked."""

    def labels(self, model: str) -> Mapping[str, str]:
        """A model's labels, each with the id of its version."""

    def stage(self, model: str, name: str) -> StagePointer | None:
        """The record of a stage; None when nobody ever held it."""

    def stages(self, model: str) -> Collection[str]:
        """The names of the stages that the model has."""

    def tagged(self, prefix: str) -> Sequence[tuple[str, str]]:
        """Id and model of the versions known by their tag alone whose id, or its hexadecimal part, begins so."""

    def named(self, tag: str) -> str | None:
        """The id of the version that the label or promotion tag of this name stands for; None without such a tag."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Resolved:
    """One version of one model."""

    model: str
    version: str


def resolve(reference: Reference, view: View) -> Resolved:
    """The version that `reference` means in `view`.

    Raises NotFound for what is not there or is ambiguous (hints list the candidates), and UsageError for what can
    never be a version: a file, or steps back from a label.
    """
    model = reference.model or ""
    match reference.place:
        case File(path):
            raise UsageError(
                f"{quoted(path)} is a file; a registered version is wanted here",
                hint="modelver list shows the versions",
                excerpt=reference.source,
                mark=(0, len(reference.source)),
            )
        case Identified(prefix):
            return _identified(reference, view, prefix)
        case Event(stage, number, left):
            return _event(reference, view, stage, number, left)
    if model not in view.models():
        return _without_model(reference, view)
    match reference.place:
        case Highest():
            return _highest(reference, view, model)
        case InRange(range):
            return _in_range(reference, view, model, range)
        case Named(word):
            return _named(reference, view, model, word)
        case _:
            return _newest(reference, view, model)


def _newest(reference: Reference, view: View, model: str) -> Resolved:
    retired = view.retired(model)
    standing = [version for version in view.versions(model) if version not in retired]
    if not standing:
        newest = view.versions(model)[-1]
        hint = f"modelver show {newest}    an id still finds it; modelver archive --undo brings an archived one back"
        raise _missing(reference, 0, f"every version of {model} is archived or yanked", hint)
    if reference.back >= len(standing):
        count = "1 version" if len(standing) == 1 else f"{len(standing)} versions"
        message = f"{model} has {count}, archived and yanked ones not counted"
        raise _missing(reference, 2, message, f"modelver list {model}")
    return Resolved(model=model, version=standing[-1 - reference.back])


def _highest(reference: Reference, view: View, model: str) -> Resolved:
    found = [pair for pair in _semver_labels(view, model) if pair[1] not in view.retired(model)]
    if not found:
        message = f"{model} has no SemVer label on a version that is neither archived nor yanked"
        raise _missing(reference, 1, message, f"modelver tag {model} 1.0.0")
    releases = [pair for pair in found if not pair[0].pre]
    return Resolved(model=model, version=max(releases or found)[1])


def _in_range(reference: Reference, view: View, model: str, wanted: semver.Range) -> Resolved:
    found = [pair for pair in _semver_labels(view, model) if wanted.holds(pair[0])]
    # What a range means must not be given to who did not name it once it is withdrawn; the exact label still finds it.
    retired = view.retired(model)
    standing = [pair for pair in found if pair[1] not in retired]
    if standing:
        return Resolved(model=model, version=max(standing)[1])
    if found:
        label, version = max(found)
        message = f"what {model} has in {wanted} is archived or yanked"
        raise _missing(reference, 1, message, f"to have it all the same: {model}@{label} ({version})")
    raise _missing(reference, 1, f"{model} has no label in {wanted}", f"modelver list {model}")


def _named(reference: Reference, view: View, model: str, word: str) -> Resolved:
    """stage, then label, then id, then the name of a tag whose record is not in the tree"""
    pointer = view.stage(model, word)
    if pointer is not None or word in view.stages(model):
        return _holder(reference, model, word, pointer)
    if reference.back:
        hint = f"name the version itself, or count from the newest: {model}~{reference.back}"
        source = reference.source
        if names.plain_label(word) in view.labels(model):
            raise UsageError(
                f"'~' counts back from a model or a stage, and {word} is a label",
                hint=hint,
                excerpt=source,
                mark=reference.spans[2],
            )
        raise _unknown_word(reference, view, model, word)
    version = view.labels(model).get(names.plain_label(word))
    if version is not None:
        return Resolved(model=model, version=version)
    if is_prefix(word) and (found := _candidates(view, word, model)):
        return _only(reference, found)
    if (version := _by_tag(reference, view)) is not None:
        return Resolved(model=model, version=version)
    raise _unknown_word(reference, view, model, word)


def _holder(reference: Reference, model: str, stage: str, pointer: StagePointer | None) -> Resolved:
    if reference.back:
        former = pointer.former_holders() if pointer is not None else ()
        if reference.back > len(former):
            count = "1 former holder" if len(former) == 1 else f"{len(former)} former holders"
            raise _missing(reference, 2, f"{stage} of {model} has {count}", f"modelver log {model}")
        return Resolved(model=model, version=former[reference.back - 1])
    if pointer is None or pointer.version is None:
        raise _missing(reference, 1, f"no version of {model} holds {stage}", f"modelver promote {model} {stage}")
    return Resolved(model=model, version=pointer.version)


def _event(reference: Reference, view: View, stage: str, number: int, left: bool) -> Resolved:
    """The tag of a change names the version that got the stage by it or, with `!`, the one that lost it."""
    model = reference.model or ""
    pointer = view.stage(model, stage)
    if pointer is not None:
        version = pointer.displaced(number) if left else pointer.given(number)
        if version is not None:
            return Resolved(model=model, version=version)
    # The commit that a promotion's tag stands at is older than the record of the promotion: a CI job that checks the
    # tag out has no such record.
    if (version := _by_tag(reference, view)) is not None:
        return Resolved(model=model, version=version)
    if model not in view.models():
        raise _unknown_model(reference, view)
    what = f"took {stage} of {model} from a version" if left else f"gave {stage} of {model} to a version"
    raise _missing(reference, 1, f"no change {number} {what}", f"modelver log {model}")


def _identified(reference: Reference, view: View, prefix: str) -> Resolved:
    if reference.model is not None and reference.model not in view.models():
        found = [pair for pair in view.tagged(prefix) if pair[1] == reference.model]
        if not found:
            raise _unknown_model(reference, view)
    else:
        found = _candidates(view, prefix, reference.model)
    if not found:
        part = 0 if reference.model is None else 1
        beginning = "" if names.is_version_id(prefix) else "whose id begins with "
        where = f" of {reference.model}" if reference.model else ""
        raise _missing(reference, part, f"there is no version{where} {beginning}{prefix}", "modelver list --all")
    return _only(reference, found)


def _candidates(view: View, prefix: str, model: str | None) -> list[tuple[str, str]]:
    """Id and model of every version that `prefix` may mean, in the tree or by its tag, oldest first."""
    models = view.models() if model is None else [model]
    found = {
        (version, owner)
        for owner in models
        for version in view.versions(owner)
        if version.startswith(prefix) or version.rpartition("_")[2].startswith(prefix)
    }
    found.update(pair for pair in view.tagged(prefix) if model is None or pair[1] == model)
    return sorted(found)


def _only(reference: Reference, found: Sequence[tuple[str, str]]) -> Resolved:
    if len(found) == 1:
        return Resolved(model=found[0][1], version=found[0][0])
    hints = [f"{model}@{version}" for version, model in found[:_SHOWN]]
    if len(found) > _SHOWN:
        hints.append(f"and {len(found) - _SHOWN} more")
    part = 0 if reference.model is None or isinstance(reference.place, Alone) else 1
    raise _missing(reference, part, f"{len(found)} versions answer to that name; say which", hints)


def _without_model(reference: Reference, view: View) -> Resolved:
    word = reference.model or ""
    if isinstance(reference.place, Alone) and is_prefix(word) and (found := _candidates(view, word, None)):
        return _only(reference, found)
    if (version := _by_tag(reference, view)) is not None:
        return Resolved(model=word, version=version)
    raise _unknown_model(reference, view)


def _by_tag(reference: Reference, view: View) -> str | None:
    """The version that a tag names whose name was typed in full; the tree need not hold its record."""
    model, name = reference.model or "", str(reference)
    match reference.place:
        case Event():
            return view.named(name)
        case Named(word) if not reference.back and names.label_tag(model, names.plain_label(word)) == name:
            return view.named(name)
        case _:
            return None


def _semver_labels(view: View, model: str) -> list[tuple[semver.SemVer, str]]:
    pairs = ((semver.read(label), version) for label, version in view.labels(model).items())
    return [(label, version) for label, version in pairs if label is not None]


def _unknown_model(reference: Reference, view: View) -> NotFound:
    model = reference.model or ""
    near = nearest(model, view.models())
    hints = [f"did you mean {' or '.join(near)}?"] if near else ["modelver list shows the models"]
    either = " and no version" if isinstance(reference.place, Alone) and is_prefix(model) else ""
    return _missing(reference, 0, f"there is no model{either} {model}", hints)


def _unknown_word(reference: Reference, view: View, model: str, word: str) -> NotFound:
    near = nearest(word, [*view.stages(model), *view.labels(model), "latest", "highest"])
    hints = [f"did you mean {' or '.join(f'{model}@{name}' for name in near)}?"] if near else [f"modelver list {model}"]
    return _missing(reference, 1, f"{model} has no stage and no label {word}", hints)


def _missing(reference: Reference, part: int, message: str, hint: str | list[str]) -> NotFound:
    """NotFound with a mark under a part of the reference: 0 the model, 1 what follows it, 2 the steps back."""
    return NotFound(message, hint=hint, excerpt=reference.source, mark=reference.spans[part])
