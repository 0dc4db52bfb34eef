"""The REF grammar: what a person types for a version, parsed without looking at anything (rule R1).

    reference := id | prefix | event | path | model [ '@' place ] { '~' [ number ] }
    place     := 'latest' | 'highest' | range | word                 a stage, a label or the prefix of an id
    event     := model '#' stage [ '!' ] '#' number                  the tag of a promotion or displacement

`resolve` is in `modelver/domain/resolution.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from modelver.domain import names, semver
from modelver.domain.text import quoted
from modelver.errors import UsageError

_PREFIX = re.compile(r"v[0-9]{3,14}|v[0-9]{14}_[0-9a-f]{0,8}|[0-9a-f]{4,8}")
_WORD = re.compile(r"[0-9a-z][0-9a-z._-]{0,63}")
_EVENT = re.compile(r"([^#]*)#([^#]*?)(!?)#([^#]*)", re.DOTALL)
_STEPS = re.compile(r"(?:~[0-9]*)+")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
_PATH = re.compile(r"\.{0,2}/.*|\.{1,2}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Alone:
    """A word alone: a model, whose newest version is meant, or else the beginning of an id."""


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest version of the model."""


@dataclass(frozen=True, slots=True)
class Highest:
    """The version with the model's highest SemVer label."""


@dataclass(frozen=True, slots=True)
class Named:
    """A word after `@`: a stage, a label (with or without `v` before SemVer) or the beginning of an id."""

    word: str


@dataclass(frozen=True, slots=True)
class InRange:
    """The highest label in a range."""

    range: semver.Range


@dataclass(frozen=True, slots=True)
class Identified:
    """An id, the beginning of one, or of its hexadecimal part; at least four characters."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Event:
    """A change of a stage by its number; `left` means the version that was displaced by it."""

    stage: str
    number: int
    left: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """An unregistered file."""

    path: str


Place = Alone | Newest | Highest | Named | InRange | Identified | Event | File


@dataclass(frozen=True, kw_only=True, slots=True)
class Reference:
    """A parsed REF. `back` counts versions (of a stage: holders) before the one that is named.

    `text` is what the person typed, for marks under its parts; two references are equal without it. Whoever wants
    to say that capitals were folded compares `text` with `names.fold(text)`.
    """

    model: str | None = None
    place: Place = field(default_factory=Newest)
    back: int = 0
    text: str = field(default="", compare=False)

    def __str__(self) -> str:
        steps = f"~{self.back}" if self.back else ""
        match self.place:
            case File(path):
                return path
            case Event(stage, number, left):
                make = names.displacement_tag if left else names.promotion_tag
                return make(self.model or "", stage, number)
            case Identified(prefix):
                return f"{self.model}@{prefix}" if self.model else prefix
            case Alone():
                return self.model or ""
            case Newest():
                return f"{self.model}{steps}" if steps else f"{self.model}@latest"
            case Highest():
                return f"{self.model}@highest{steps}"
            case Named(word):
                return f"{self.model}@{word}{steps}"
            case InRange(range):
                return f"{self.model}@{range}{steps}"

    @property
    def source(self) -> str:
        """The text that an error about this reference shows."""
        return self.text or str(self)

    @property
    def spans(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """The half-open ranges of `source` that hold the model, what follows `@` or `#`, and `~N`."""
        source = self.source
        sign = next((place for place, letter in enumerate(source) if letter in "@#"), -1)
        if sign < 0 and not isinstance(self.place, Alone | Newest):
            return (0, len(source)), (0, len(source)), (len(source), len(source))
        tilde = source.find("~", sign + 2 if sign >= 0 else 0)  # a `~` right after `@` begins a range
        end = tilde if tilde >= 0 else len(source)
        return (0, sign if sign >= 0 else end), (sign + 1, end), (end, len(source))


def parse(text: str) -> Reference:
    """The reference that `text` is; UsageError, with a mark under the wrong part, when it is none.

    >>> parse("Fraud@production~1").place, parse("fraud~2").back
    (Named(word='production'), 2)
    """
    if _PATH.fullmatch(text):
        return Reference(place=File(text), text=text)
    folded = names.fold(text)
    if not folded:
        raise _wrong(text, 0, 0, "expected a model or a version, found nothing", "modelver list shows what there is")
    if "#" in folded:
        return _event(text, folded)
    at = folded.find("@")
    # The `~` right after `@` begins a range, any later one counts back.
    tilde = folded.find("~", at + 2 if at >= 0 else 0)
    end = tilde if tilde >= 0 else len(folded)
    back = _steps(text, end)
    if at < 0:
        return _alone(text, folded[:end], back, counted=tilde >= 0)
    model = _model(text, folded[:at])
    return Reference(model=model, place=_place(text, folded, at + 1, end, back), back=back, text=text)


def split_path(text: str) -> tuple[str, str | None]:
    """REF and PATH of `REF[:PATH]`, parted at the first colon; UsageError when nothing follows it.

    >>> split_path("fraud@latest:weights/a.bin"), split_path("fraud")
    (('fraud@latest', 'weights/a.bin'), ('fraud', None))
    """
    reference, colon, path = text.partition(":")
    if colon and not path:
        raise _wrong(text, len(reference), len(text), "expected a path after ':'")
    return reference, path if colon else None


def is_prefix(word: str) -> bool:
    """Whether `word`, capitals folded, may be the beginning of a version's id or of its hexadecimal part."""
    return _PREFIX.fullmatch(word) is not None


def _alone(text: str, word: str, back: int, *, counted: bool) -> Reference:
    """alone := id | prefix | model { '~' [ number ] }"""
    if is_prefix(word) and not names.is_model_name(word):
        if counted:
            raise _wrong(text, len(word), len(text), "'~' counts back from a model or a stage, not from a version")
        return Reference(place=Identified(word), text=text)
    model = _model(text, word)
    return Reference(model=model, place=Newest() if counted else Alone(), back=back, text=text)


def _model(text: str, word: str) -> str:
    fault = names.model_fault(word)
    if fault is None:
        return word
    if not word:
        raise _wrong(text, 0, 1, "expected a model's name")
    raise _wrong(text, fault.start, fault.end, f"{quoted(word)} cannot be a model: {fault.reason}")


def _place(text: str, folded: str, start: int, end: int, back: int) -> Place:
    """place := 'latest' | 'highest' | range | word"""
    word = folded[start:end]
    if word == "latest":
        return Newest()
    if word == "highest":
        place: Place = Highest()
    elif word[:1] in ("^", "~"):
        # `fraud@~1` is a range; with nothing behind the `~` it is more likely a stage that was left out.
        parsed = semver.read_range(word)
        if parsed is None:
            hint = "a range is written like ^1.2 or ~1.2.3"
            raise _wrong(text, start, end, f"{quoted(word)} is no range of versions", hint)
        place = InRange(parsed)
    elif is_prefix(word) and names.label_fault(word) is not None:
        place = Identified(word)
    else:
        place = _named(text, word, start, end)
    if back and not _may_be_stage(place):
        raise _wrong(text, end, len(text), "'~' counts back from a model or a stage only")
    return place


def _named(text: str, word: str, start: int, end: int) -> Named:
    if not word:
        raise _wrong(text, start, end, "expected a stage, a label or a range after '@'")
    if not _WORD.fullmatch(word):
        wrong = re.search(r"[^0-9a-z._-]", word)
        span = wrong.span() if wrong else (0, 1) if len(word) <= names.LABEL_LIMIT else (names.LABEL_LIMIT, len(word))
        hint = "a range is written like ^1.2 or ~1.2.3" if word[0] in "<>=" or "x" in word[-2:] else None
        message = f"{quoted(word)} is neither a stage, a label nor a range"
        raise _wrong(text, start + span[0], start + span[1], message, hint)
    return Named(word)


def _may_be_stage(place: Place) -> bool:
    return isinstance(place, Newest) or (isinstance(place, Named) and names.is_stage_name(place.word))


def _steps(text: str, start: int) -> int:
    """steps := { '~' [ number ] }; as in Git a `~` alone is one step, and several add up."""
    steps = text[start:]
    if not steps:
        return 0
    if not _STEPS.fullmatch(steps):
        wrong = re.search(r"[^~0-9]", steps)
        at = start + (wrong.start() if wrong else 0)
        raise _wrong(text, at, len(text), "expected after '~' how many versions to go back")
    counts = steps.split("~")[1:]
    if any(len(count) > 9 for count in counts):
        raise _wrong(text, start, len(text), "that is more versions than there can be")
    return sum(int(count) if count else 1 for count in counts)


def _event(text: str, folded: str) -> Reference:
    """event := model '#' stage [ '!' ] '#' number"""
    match = _EVENT.fullmatch(folded)
    first = folded.index("#")
    if match is None:
        raise _wrong(text, first, len(text), "expected MODEL#STAGE#NUMBER, the tag of a promotion")
    model, stage, left, number = match.groups()
    _model(text, model)
    if (fault := names.stage_fault(stage)) is not None:
        at = match.start(2)
        raise _wrong(text, at + fault.start, at + fault.end, f"{quoted(stage)} cannot be a stage: {fault.reason}")
    if not _NUMBER.fullmatch(number):
        raise _wrong(text, match.start(4), len(text), "expected the number of a change, counted from 1")
    return Reference(model=model, place=Event(stage, int(number), bool(left)), text=text)


def _wrong(text: str, start: int, end: int, message: str, hint: str | None = None) -> UsageError:
    """An error about the half-open range of `text`, widened to one place where nothing stands."""
    return UsageError(message, hint=hint, excerpt=text, mark=(start, max(start + 1, end)))
