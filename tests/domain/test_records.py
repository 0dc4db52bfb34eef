"""The records as values (rules C1 and C2)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from modelver.domain.records import Artifact, Attachment, Input, StageEntry, StagePointer, Version, same_content

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
DIGEST = "sha256:abcd1234" + "0" * 56
A, B, C, D = (f"v2024010{n}120000_abcd1234" for n in range(1, 5))


def pointer(*changes: tuple[str, str | None]) -> StagePointer:
    """A stage after the changes, given oldest first; an op that ends in `!` is withdrawn."""
    entries = [
        StageEntry(number=n, op=op.rstrip("!"), version=v, at=NOON, by="x", withdrawn=op.endswith("!"))
        for n, (op, v) in enumerate(changes, 1)
    ]
    return StagePointer(model="m", stage="s", version=changes[-1][1], number=len(entries), history=tuple(entries[::-1]))


@pytest.mark.parametrize(
    ("changes", "stack"),
    [
        ([("promote", A)], ()),
        ([("promote", A), ("promote", B), ("promote", C)], (B, A)),
        ([("promote", A), ("promote", B), ("promote", C), ("rollback", B)], (A,)),
        ([("promote", A), ("promote", B), ("promote", C), ("rollback", B), ("rollback", A)], ()),
        ([("promote", A), ("promote", B), ("promote", C), ("rollback", A)], ()),
        ([("promote", A), ("demote", None)], (A,)),
        ([("promote", A), ("demote", None), ("rollback", A)], ()),
        ([("promote", A), ("demote", None), ("promote", B)], (A,)),
        ([("promote", A), ("promote", B), ("rollback", A), ("promote", C)], (A,)),
        ([("promote", A), ("promote", B), ("promote", A), ("promote", C)], (A, B, A)),
        ([("promote", A), ("promote", B), ("promote", A), ("promote", C), ("rollback", A)], (B, A)),
        ([("promote", A), ("promote!", B), ("promote", C)], (A,)),
        ([("promote", A), ("promote", B), ("rollback!", A), ("promote", D)], (B, A)),
        ([("rollback", A)], ()),
        ([("rollback", A), ("promote", B)], (A,)),
    ],
)
def test_former_holders_are_a_stack(changes, stack):
    """C1: promote and demote push the holder, rollback pops, withdrawn changes never happened."""
    assert pointer(*changes).former_holders() == stack


def test_a_change_names_who_got_and_who_lost_the_stage():
    """I4: the tags of a change stand for its version and for the one that it displaced."""
    stage = pointer(("promote", A), ("promote!", B), ("promote", C), ("demote", None))
    assert [stage.given(n) for n in range(1, 6)] == [A, None, C, None, None]
    assert [stage.displaced(n) for n in range(1, 6)] == [None, None, A, C, None]


def version() -> Version:
    return Version(
        model="m",
        version=A,
        created_at=NOON,
        created_by="Name <mail>",
        artifact=Artifact(path="a.bin", kind="file", digest=DIGEST, size=1, files=1),
        metrics={"auc": 0.5},
        params={"lr": 1},
        inputs=(Input(kind="code", id="train.py", relation="trained-by", commit="1", dirty=False),),
        attachments={"p": Attachment(path="p.csv", digest=DIGEST, size=1)},
        meta={"ticket": "x"},
    )


@pytest.mark.parametrize(
    "change",
    [
        {"message": "other"},
        {"version": B},
        {"created_at": datetime(2025, 1, 1, tzinfo=UTC)},
        {"created_by": "Other"},
        {"environment": {"python": "3.12"}},
        {"inputs": (Input(kind="code", id="train.py", relation="trained-by", commit="2", dirty=True),)},
        {"metrics": {"auc": 0.50}},
    ],
)
def test_what_does_not_count_leaves_the_content_unchanged(change):
    """C2: message, time, commit and environment do not make a new version."""
    assert same_content(version(), replace(version(), **change))


@pytest.mark.parametrize(
    "change",
    [
        {"artifact": replace(version().artifact, digest="sha256:" + "0" * 64)},
        {"artifact": replace(version().artifact, path="b.bin")},
        {"metrics": {"auc": 0.6}},
        {"metrics": {}},
        {"params": {"lr": True}},
        {"meta": {"ticket": "y"}},
        {"attachments": {}},
        {"inputs": ()},
        {"inputs": (Input(kind="code", id="other.py", relation="trained-by"),)},
    ],
)
def test_what_counts_changes_the_content(change):
    """C2: digest, path, metrics, params, meta, attachments and inputs make a new version."""
    assert not same_content(version(), replace(version(), **change))
