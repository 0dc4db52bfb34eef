"""Names of models, stages, labels and versions, and the Git tags made of them (rules I2, I3, I4).

A `parse_…` function folds capitals: who wants to say so compares its result with the text that went in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from modelver.domain import semver
from modelver.domain.text import quoted
from modelver.errors import Conflict, UsageError

MODEL_LIMIT, STAGE_LIMIT, LABEL_LIMIT = 64, 32, 64

RESERVED_PARTS = frozenset({"versions", "tags", "stages", "archived", "notes"})
RESERVED_LABELS = frozenset({"latest", "highest", "created", "deprecated"})
RESERVED_STAGES = RESERVED_LABELS | {"development", "archived"}
_DEVICES = frozenset({"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in range(10)})

_FOLD = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}  # `lower` would let the Kelvin sign by
_PART_FORM = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?")
_LABEL_FORM = re.compile(r"[0-9a-z][0-9a-z._-]*")
_STRANGE = re.compile(r"[^a-z0-9._-]+")
_LIKE_ID = re.compile(r"v[0-9]{4,}(?:_.*)?", re.DOTALL)
_LIKE_RANGE = re.compile(r"[\^~<>=].*|v?(?:[0-9]+\.){0,2}[x*](?:\.[x*])*", re.DOTALL)
_VERSION_ID = re.compile(r"v([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})_[0-9a-f]{8}")
_BUILD = re.compile(r"v?([0-9]+\.[0-9]+\.[0-9]+[0-9a-z.-]*)\+.*", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Why a text is no name: the half-open range of it that is wrong, the reason, and what would do instead."""

    start: int
    end: int
    reason: str
    proposal: str | None = None


def fold(text: str) -> str:
    """`text` with the capitals of ASCII made small, character by character, so that marks stay where they are.

    Raises UsageError for what is no text, as a program may give it.
    """
    if not isinstance(text, str):
        raise UsageError(f"expected a name, found {quoted(repr(text))}")
    return text.translate(_FOLD)


# ---- names -------------------------------------------------------------------------------------------------------


def parse_model(text: str) -> str:
    """The model's name that `text` is, capitals folded; else UsageError with the reason and a proposal.

    >>> parse_model("NLP/Sentiment")
    'nlp/sentiment'
    """
    return _parsed(text, "model", fold(text), model_fault)


def parse_stage(text: str) -> str:
    """The stage's name that `text` is, capitals folded; else UsageError with the reason and a proposal."""
    return _parsed(text, "stage", fold(text), stage_fault)


def parse_label(text: str, *, stages: Collection[str] = ()) -> str:
    """The label that `text` is, capitals folded, without the `v` before SemVer; `stages` are those of the model.

    Raises UsageError with the reason and a proposal.

    >>> parse_label("V1.2.0-RC.1")
    '1.2.0-rc.1'
    """
    return _parsed(text, "label", plain_label(fold(text)), lambda folded: label_fault(folded, stages=stages))


def plain_label(text: str) -> str:
    """`text` without a `v` that stands before a semantic version."""
    return text[1:] if text.startswith("v") and semver.read(text[1:]) is not None else text


def is_model_name(text: str) -> bool:
    """Whether `text` is a model's name as it stands."""
    return model_fault(text) is None


def is_stage_name(text: str) -> bool:
    """Whether `text` is a stage's name as it stands."""
    return stage_fault(text) is None


def is_label_name(text: str) -> bool:
    """Whether `text` is a label as it stands (a `v` before SemVer is not)."""
    return plain_label(text) == text and label_fault(text) is None


def model_fault(text: str) -> Fault | None:
    """What is wrong with a model's name whose capitals are folded; None when nothing is."""
    if not text:
        return Fault(start=0, end=0, reason="it is empty", proposal="a name like fraud or nlp/sentiment")
    if len(text) > MODEL_LIMIT:
        return Fault(start=MODEL_LIMIT, end=len(text), reason=f"it is longer than {MODEL_LIMIT} characters")
    start = 0
    for part in text.split("/"):
        fault = _part_fault(part)
        if fault is None and part in RESERVED_PARTS:
            fault = _whole(part, f"{part!r} is a directory of the registry")
        if fault is None and _LIKE_ID.fullmatch(part):
            fault = _whole(part, "it looks like a version's id")
        if fault is not None:
            return Fault(start=start + fault.start, end=start + fault.end, reason=fault.reason)
        start += len(part) + 1
    return None


def stage_fault(text: str) -> Fault | None:
    """What is wrong with a stage's name whose capitals are folded; None when nothing is."""
    if len(text) > STAGE_LIMIT:
        return Fault(start=STAGE_LIMIT, end=len(text), reason=f"it is longer than {STAGE_LIMIT} characters")
    if _LIKE_RANGE.fullmatch(text):
        return _whole(text, "it looks like a range of versions")
    if (fault := _part_fault(text)) is not None:
        return fault
    if text in RESERVED_STAGES:
        return _whole(text, f"{text!r} has a meaning of its own")
    if _LIKE_ID.fullmatch(text):
        return _whole(text, "it looks like a version's id")
    # MODEL@1.2.0 is a label to everybody; a stage of that name would hide it.
    if semver.read(text.removeprefix("v")) is not None:
        return _whole(text, "it looks like a semantic version, which is a label")
    return None


def label_fault(text: str, *, stages: Collection[str] = ()) -> Fault | None:
    """What is wrong with a label whose capitals are folded; None when nothing is."""
    if not text:
        return Fault(start=0, end=0, reason="it is empty", proposal="1.0.0")
    if (build := _BUILD.fullmatch(text)) is not None:
        return Fault(start=text.index("+"), end=len(text), reason="build metadata is not kept", proposal=build[1])
    if _LIKE_RANGE.fullmatch(text):
        return _whole(text, "it is a range of versions")
    if not _LABEL_FORM.fullmatch(text):
        return _strange(text) or Fault(start=0, end=1, reason="it has to start with a letter or a digit")
    if len(text) > LABEL_LIMIT:
        return Fault(start=LABEL_LIMIT, end=len(text), reason=f"it is longer than {LABEL_LIMIT} characters")
    if text.endswith("."):
        return Fault(start=len(text) - 1, end=len(text), reason="it ends in '.'")
    if (fault := _file_fault(text)) is not None:
        return fault
    if text in stages:
        return _whole(text, f"{text!r} is a stage of the model")
    if text in RESERVED_LABELS:
        return _whole(text, f"{text!r} has a meaning of its own")
    if _LIKE_ID.fullmatch(text):
        return _whole(text, "it looks like a version's id")
    return None


def _whole(text: str, reason: str) -> Fault:
    return Fault(start=0, end=len(text), reason=reason)


def _part_fault(part: str) -> Fault | None:
    if not part:
        return Fault(start=0, end=1, reason="a part of it is empty")
    if not _PART_FORM.fullmatch(part):
        last = len(part) - 1
        wrong = (0, 1) if not _PART_FORM.fullmatch(part[0]) else (last, last + 1)
        ends = Fault(start=wrong[0], end=wrong[1], reason="it has to start and end with a letter or a digit")
        return _strange(part) or ends
    return _file_fault(part)


def _file_fault(text: str) -> Fault | None:
    """What Git or Windows would not take as part of a ref's or a file's name."""
    if (dots := text.find("..")) >= 0:
        return Fault(start=dots, end=dots + 2, reason="'..' cannot stand in the name of a Git tag")
    for ending in (".lock", ".yaml"):
        if text.endswith(ending):
            return Fault(start=len(text) - len(ending), end=len(text), reason=f"it ends in {ending!r}")
    device = text.partition(".")[0]
    if device in _DEVICES:
        return Fault(start=0, end=len(device), reason=f"{device!r} is a device on Windows")
    return None


def _strange(text: str) -> Fault | None:
    match = _STRANGE.search(text)
    if match is None:
        return None
    reason = f"{quoted(match[0])} is none of a-z, 0-9, '.', '_', '-'"
    return Fault(start=match.start(), end=match.end(), reason=reason)


def _parsed(text: str, kind: str, folded: str, check: Callable[[str], Fault | None]) -> str:
    fault = check(folded)
    if fault is None:
        return folded
    shift = len(text) - len(folded)
    proposal = fault.proposal or propose(folded, kind, check)
    raise UsageError(
        f"{quoted(text)} cannot be the name of a {kind}: {fault.reason}",
        hint=f"use {proposal}" if proposal else None,
        excerpt=text,
        mark=(fault.start + shift, fault.end + shift),
    )


def propose(text: str, kind: str, check: Callable[[str], Fault | None]) -> str | None:
    """A name near `text` that passes `check`, if one is found."""
    limit = {"model": MODEL_LIMIT, "stage": STAGE_LIMIT}.get(kind, LABEL_LIMIT)
    if kind == "label" and (numbers := re.findall(r"[0-9]+", text)) and _LIKE_RANGE.fullmatch(text):
        return ".".join(str(int(number[:9])) for number in (*numbers, "0", "0")[:3])
    parts = text.split("/") if kind == "model" else [text]
    clean = [re.sub(r"\.{2,}", ".", _STRANGE.sub("-", part)).strip("._-") for part in parts]
    base = ("/" if kind == "model" else "-").join(part for part in clean if part)[:limit].rstrip("._-/")
    bare = re.sub(r"(?:\.(?:lock|yaml))+$", "", base)
    for candidate in (base, bare, f"{bare}-{kind}", f"{kind}-{bare}"):
        if candidate and check(candidate) is None:
            return candidate
    return None


# ---- version ids -------------------------------------------------------------------------------------------------


def version_id(moment: datetime, digest: str) -> str:
    """The id of a version made at `moment` (aware; the second in UTC counts) of an artifact with `digest`.

    >>> version_id(datetime(2024, 1, 1, 12, tzinfo=UTC), "sha256:abcd1234" + "0" * 56)
    'v20240101120000_abcd1234'
    """
    utc = moment.astimezone(UTC)
    # Not strftime, which leaves out the zeros before a year under 1000.
    day = f"{utc.year:04}{utc.month:02}{utc.day:02}"
    return f"v{day}{utc.hour:02}{utc.minute:02}{utc.second:02}_{digest.removeprefix('sha256:')[:8]}"


def is_version_id(text: str) -> bool:
    """Whether `text` has the form of a version's id, its second one that exists."""
    return _moment(text) is not None


def version_moment(text: str) -> datetime:
    """The second of the version with this id, in UTC; UsageError when `text` is no id."""
    moment = _moment(text)
    if moment is None:
        raise UsageError(f"{quoted(text)} is no version's id", excerpt=text, mark=(0, max(1, len(text))))
    return moment


def next_moment(now: datetime, newest: str | None) -> datetime:
    """The second of a model's next version, in UTC: now, or right after its `newest` version's.

    `now` is aware. Raises Conflict when the newest version is over a day ahead of it.
    """
    second = now.astimezone(UTC).replace(microsecond=0)
    if newest is None:
        return second
    last = version_moment(newest)
    if last - second > timedelta(days=1):
        raise Conflict(
            f"the newest version, {newest}, is over a day ahead of the clock",
            hint=["set this machine's clock", "or say --time ISO8601 to set the second by hand"],
        )
    return max(second, last + timedelta(seconds=1))


def _moment(text: str) -> datetime | None:
    match = _VERSION_ID.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = map(int, match.groups())
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None


def slug(node: str) -> str:
    """The name of the file that holds the lineage node with id `node`, at most 57 characters."""
    import hashlib  # it loads OpenSSL, which reading needs not

    digest = hashlib.sha256(node.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{re.sub('[^a-z0-9._-]', '-', node.lower())[:48]}-{digest[:8]}"


# ---- tags --------------------------------------------------------------------------------------------------------


def version_tag(version: str) -> str:
    """The Git tag of a version: its id."""
    return version


def label_tag(model: str, label: str) -> str:
    """The Git tag of a label; a `v` before SemVer, which GTO's conventions call for.

    >>> label_tag("fraud", "1.2.0"), label_tag("fraud", "nightly")
    ('fraud@v1.2.0', 'fraud@nightly')
    """
    return f"{model}@v{label}" if semver.read(label) is not None else f"{model}@{label}"


def promotion_tag(model: str, stage: str, number: int) -> str:
    """The Git tag of the change `number` that gave a stage to a version."""
    return f"{model}#{stage}#{number}"


def displacement_tag(model: str, stage: str, number: int) -> str:
    """The Git tag on the version that lost a stage by the change `number`."""
    return f"{model}#{stage}!#{number}"
