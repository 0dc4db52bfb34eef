"""Records and their files: keys, order, faults (rules C1, C3, C4, C5 and Records)."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.domain.records import (
    Archive,
    ArchiveEntry,
    Artifact,
    Attachment,
    Input,
    Label,
    Note,
    StageEntry,
    StagePointer,
    Version,
)
from modelver.errors import Damaged, UsageError
from modelver.records import schema

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
DIGEST = "sha256:abcd1234" + "0" * 56
ID = "v20240101120000_abcd1234"
OTHER = "v20240102120000_abcd1234"

VERSION = f"""\
format: 1
model: fraud
version: {ID}
created_at: '2024-01-01T12:00:00Z'
created_by: Name <mail>
message: first baseline
artifact:
  path: models/fraud.safetensors
  kind: file
  digest: {DIGEST}
  size: 90868376
  files: 1
  format: safetensors
metrics:
  auc: 0.91
  latency_ms: 12.0
params:
  epochs: 3
  lr: 0.0001
inputs:
- kind: data
  id: data/train.parquet
  digest: {DIGEST}
  relation: trained-on
- kind: code
  id: train.py
  digest: {DIGEST}
  commit: 9f2c
  dirty: false
  relation: trained-by
environment:
  platform: Linux-x86_64
  python: 3.11.7
attachments:
  predictions:
    path: preds.csv
    digest: {DIGEST}
    size: 4096
meta:
  ticket: ML-42
"""
STAGE = f"""\
format: 1
model: fraud
stage: production
version: {ID}
number: 2
history:
- number: 2
  op: promote
  version: {ID}
  at: '2024-01-02T09:30:00Z'
  by: Name <name@example.com>
  message: first release
- number: 1
  op: demote
  version: null
  at: '2024-01-02T09:29:00Z'
  by: Name <name@example.com>
  message: ''
  withdrawn: true
"""
LABEL = f"""\
format: 1
model: fraud
label: 1.2.0
version: {ID}
op: tag
created_at: '2024-01-01T12:00:00Z'
created_by: Name <mail>
message: ''
"""
ARCHIVE = f"""\
format: 1
model: fraud
version: {ID}
state: archived
history:
- op: archive
  at: '2024-01-02T09:30:00Z'
  by: Name <mail>
  message: too slow
"""
NOTE = f"""\
format: 1
model: fraud
version: {ID}
kind: evaluation
created_at: '2024-01-01T12:00:00Z'
created_by: Name <mail>
message: ''
metrics:
  auc: 0.9
inputs:
- kind: data
  id: data/test.parquet
  relation: evaluated-on
"""
FILES = [
    (VERSION, schema.parse_version, schema.dump_version),
    (STAGE, schema.parse_stage, schema.dump_stage),
    (LABEL, schema.parse_label, schema.dump_label),
    (ARCHIVE, schema.parse_archive, schema.dump_archive),
    (NOTE, schema.parse_note, schema.dump_note),
]


def faults(text: str, parse=schema.parse_version) -> list[str]:
    with pytest.raises(Damaged) as caught:
        parse(text.encode(), "f.yaml")
    assert caught.value.code == 5
    return [caught.value.message, *caught.value.hints]


@pytest.mark.parametrize(("text", "parse", "dump"), FILES)
def test_a_file_is_written_back_byte_for_byte(text, parse, dump):
    """C3: keys stand in the format's order, the user's maps are sorted, what is empty is left out."""
    assert dump(parse(text.encode(), "f.yaml")).decode() == text


@pytest.mark.parametrize(("text", "parse", "dump"), FILES)
def test_unknown_keys_survive(text, parse, dump):
    """C3: keys of a later release are kept, after ours and sorted."""
    later = text + "zeta:\n  b: 1\n  a: [x]\nalpha: '1e5'\n"
    written = dump(parse(later.encode(), "f.yaml")).decode()
    assert written == text + "alpha: '1e5'\nzeta:\n  a:\n  - x\n  b: 1\n"


def test_unknown_keys_inside_survive():
    """C3: the same holds inside an artifact, an input, an attachment and an entry of a history."""
    text = VERSION.replace("  files: 1\n", "  files: 1\n  shards: 2\n").replace("ids: x\n", "")
    text = text.replace("    size: 4096\n", "    size: 4096\n    rows: 5\n").replace(
        "  dirty: false\n", "  dirty: false\n  lines: 1\n"
    )
    version = schema.parse_version(text.encode(), "f.yaml")
    assert version.artifact.more == {"shards": 2}
    assert version.inputs[1].more == {"lines": 1}
    assert version.attachments["predictions"].more == {"rows": 5}
    assert schema.parse_version(schema.dump_version(version), "f.yaml") == version
    stage = schema.parse_stage(STAGE.replace("  withdrawn: true", "  withdrawn: true\n  ticket: 7").encode(), "f.yaml")
    assert stage.history[1].more == {"ticket": 7}
    assert schema.parse_stage(schema.dump_stage(stage), "f.yaml") == stage


def test_a_fault_names_file_line_and_key():
    """C4: a wrong value is told with its place, what was expected and what was found."""
    assert faults(VERSION.replace("size: 90868376", "size: big")) == [
        "f.yaml:11: artifact.size: expected a whole number from 0 on, found 'big'"
    ]


def test_all_faults_of_a_file_are_told_at_once():
    """C4: the first is the message, the others are its hints."""
    text = (
        VERSION.replace("size: 90868376", "size: big")
        .replace("files: 1", "files: -1")
        .replace("created_by: Name <mail>\n", "")
    )
    text = text.replace("auc: 0.91", "auc: high").replace("12.0", "slow").replace("dirty: false", "dirty: maybe")
    assert faults(text) == [
        "f.yaml:1: created_by: missing",
        "f.yaml:10: artifact.size: expected a whole number from 0 on, found 'big'",
        "f.yaml:11: artifact.files: expected a whole number from 0 on, found -1",
        "f.yaml:14: metrics.auc: expected a finite number, found 'high'",
        "f.yaml:15: metrics.latency_ms: expected a finite number, found 'slow'",
        "f.yaml:28: inputs[1].dirty: expected true or false, found 'maybe'",
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("format: 1", "format: 2", "f.yaml:1: format: expected format 1"),
        ("format: 1", "format: true", "format: expected format 1"),
        ("format: 1\n", "", "format: missing"),
        ("model: fraud", "model: Fraud", "model: expected a model's name, found 'Fraud'"),
        (f"version: {ID}", "version: v1", "version: expected a version's id, found 'v1'"),
        (f"version: {ID}", f"version: {OTHER}", "created_at: expected the second"),
        (f"version: {ID}", "version: v20240101120000_ffffffff", "version: expected an id that ends in"),
        ("'2024-01-01T12:00:00Z'", "'2024-01-01 12:00:00'", "created_at: expected a second in UTC"),
        ("'2024-01-01T12:00:00Z'", "'2024-02-30T12:00:00Z'", "created_at: expected a second in UTC"),
        ("path: models/fraud.safetensors", "path: ../x", "artifact.path: expected a path inside the repository"),
        ("path: models/fraud.safetensors", "path: .GIT/hooks/pre-commit", "artifact.path"),
        ("path: models/fraud.safetensors", "path: 1", "artifact.path: expected a string, found 1"),
        ("path: preds.csv", "path: .modelver/config.yaml", "attachments.predictions.path"),
        ("kind: file", "kind: link", "artifact.kind: expected file or directory, found 'link'"),
        (f"  digest: {DIGEST}\n  size", "  digest: sha256:ABC\n  size", "artifact.digest: expected sha256:"),
        ("size: 90868376", "size: 1.5", "artifact.size"),
        ("size: 90868376", "size: true", "artifact.size: expected a whole number from 0 on, found true"),
        ("size: 90868376", "size: 9223372036854775808", "artifact.size"),
        ("auc: 0.91", "auc: true", "metrics.auc: expected a finite number, found true"),
        ("auc: 0.91", "auc:", "metrics.auc: expected a finite number, found nothing"),
        ("auc: 0.91", "auc: NaN", "no finite number"),
        ("message: first baseline", "message: [a]", "message: expected a string, found a list"),
        ("- kind: data", "- 5\n- kind: data", "inputs[0]: expected a mapping, found 5"),
        ("ticket: ML-42", "- x", "meta: expected a mapping, found a list"),
    ],
)
def test_faults_of_a_version(old, new, words):
    """C4, C5: every key is checked for what it has to be."""
    assert words in "\n".join(faults(VERSION.replace(old, new, 1)))


def test_a_missing_artifact_is_one_fault():
    """C4: what is not there is told once, not for each of its keys."""
    head, _, tail = VERSION.partition("artifact:\n")
    assert faults(head + tail[tail.index("metrics:") :]) == ["f.yaml:1: artifact: missing"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("number: 2\nhistory", "number: 3\nhistory", "number: expected the number of the newest change, 2"),
        (f"version: {ID}\nnumber", f"version: {OTHER}\nnumber", "version: expected the version of the newest change"),
        ("- number: 1", "- number: 2", "history: expected the newest change first"),
        ("- number: 1", "- number: 0", "history[1].number: expected a whole number from 1 on"),
        ("op: demote", "op: take", "history[1].op: expected promote or rollback or demote"),
        ("stage: production", "stage: latest", "stage: expected a stage's name"),
    ],
)
def test_faults_of_a_stage(old, new, words):
    """C1: a pointer says what its newest change says, and changes are numbered."""
    assert words in "\n".join(faults(STAGE.replace(old, new, 1), schema.parse_stage))


def test_faults_of_the_other_records():
    """C4: labels and archive records are checked in the same way."""
    assert "label: expected a label" in faults(LABEL.replace("1.2.0", "v1.2.0"), schema.parse_label)[0]
    assert (
        "state: expected archived"
        in faults(ARCHIVE.replace("state: archived", "state: restored"), schema.parse_archive)[0]
    )
    assert "kind: missing" in faults(NOTE.replace("kind: evaluation\n", ""), schema.parse_note)[0]


def test_a_hostile_record_cannot_paint_the_terminal():
    """C4: what a message echoes of a file has its control characters written out."""
    text = VERSION.replace("model: fraud", 'model: "\\e[31mred\\u202e"')
    assert faults(text) == ["f.yaml:2: model: expected a model's name, found '\\x1b[31mred\\u202e'"]


def test_what_cannot_be_kept_is_not_written():
    """C3: the writer refuses a metric that the reader would refuse, exit 2."""
    version = schema.parse_version(VERSION.encode(), "f.yaml")
    with pytest.raises(UsageError):
        schema.dump_version(replace(version, metrics={"auc": float("nan")}))


NASTY = [
    "1e5",
    "12e34567",
    "no",
    "1:30",
    "0o14",
    "0x1f",
    "~",
    "2024-01-01",
    "=",
    "<<",
    "",
    " ",
    "a\nb\n",
    "\x1b",
    "日本",
    "a: b",
    "- a",
]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec="utf-8"), max_size=20))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
NUMBERS = st.dictionaries(TEXT, st.one_of(st.integers(-(10**20), 10**20), FLOATS), max_size=3)
SCALARS = st.one_of(TEXT, st.integers(), FLOATS, st.booleans(), st.none())
VALUES = st.dictionaries(
    TEXT, st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5), max_size=3
)
MORE = VALUES.map(lambda values: {f"x-{key}": value for key, value in values.items()})
PATHS = st.sampled_from(["a.bin", "-a b/c\nd", "日本/é.bin", "1e5", "no"])
HEX = st.text("0123456789abcdef", min_size=56, max_size=56)
MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.replace(microsecond=0))
IDS = st.sampled_from([ID, OTHER])
WORDS = st.sampled_from(["data", "trained-on", "1e5", "no"])
INPUTS = st.lists(
    st.builds(
        Input,
        kind=WORDS,
        id=TEXT,
        relation=WORDS,
        digest=st.sampled_from([None, DIGEST]),
        commit=st.sampled_from([None, "12e4567", "0" * 40]),
        dirty=st.sampled_from([None, True, False]),
        more=MORE,
    ),
    max_size=2,
).map(tuple)
ATTACHMENTS = st.dictionaries(
    TEXT, st.builds(Attachment, path=PATHS, digest=st.just(DIGEST), size=st.integers(0, 2**40), more=MORE), max_size=2
)
VERSIONS = st.builds(
    lambda **parts: Version(**parts),
    model=st.just("nlp/sentiment"),
    version=st.just(ID),
    created_at=st.just(NOON),
    created_by=TEXT,
    message=TEXT,
    artifact=st.builds(
        Artifact,
        path=PATHS,
        kind=st.sampled_from(["file", "directory"]),
        digest=HEX.map(lambda tail: "sha256:abcd1234" + tail),
        size=st.integers(0, 2**60),
        files=st.integers(0, 9),
        format=st.sampled_from([None, "onnx", "1e5"]),
        more=MORE,
    ),
    metrics=NUMBERS,
    params=VALUES,
    inputs=INPUTS,
    environment=st.one_of(st.none(), VALUES.filter(bool)),
    attachments=ATTACHMENTS,
    meta=VALUES,
    more=MORE,
)
NOTES = st.builds(
    Note,
    model=st.just("fraud"),
    version=IDS,
    kind=WORDS,
    created_at=MOMENTS,
    created_by=TEXT,
    message=TEXT,
    metrics=NUMBERS,
    inputs=INPUTS,
    attachments=ATTACHMENTS,
    meta=VALUES,
    format=st.just(1),
    more=MORE,
)
LABELS = st.builds(
    Label,
    model=st.just("fraud"),
    label=st.sampled_from(["1.2.0", "nightly", "12e3", "no", "1"]),
    version=IDS,
    created_at=MOMENTS,
    created_by=TEXT,
    message=TEXT,
    op=st.sampled_from([None, "tag", "add"]),
    format=st.just(1),
    more=MORE,
)
ARCHIVES = st.builds(
    lambda entries, more: Archive(model="fraud", version=ID, state="archived", history=tuple(entries), more=more),
    st.lists(st.builds(ArchiveEntry, op=st.just("archive"), at=MOMENTS, by=TEXT, message=TEXT, more=MORE), max_size=3),
    MORE,
)
ENTRIES = st.lists(
    st.builds(
        StageEntry,
        number=st.integers(1, 9),
        op=st.sampled_from(["promote", "rollback", "demote"]),
        version=st.one_of(st.none(), IDS),
        at=MOMENTS,
        by=TEXT,
        message=TEXT,
        withdrawn=st.booleans(),
        more=MORE,
    ),
    min_size=1,
    max_size=3,
)


@st.composite
def stage_pointers(draw) -> StagePointer:
    counter = itertools.count(9, -1)
    history = tuple(replace(entry, number=next(counter)) for entry in draw(ENTRIES))
    return StagePointer(
        model="fraud", stage="no", version=history[0].version, number=9, history=history, more=draw(MORE)
    )


@given(
    st.one_of(
        VERSIONS.map(lambda record: (record, schema.dump_version, schema.parse_version)),
        NOTES.map(lambda record: (record, schema.dump_note, schema.parse_note)),
        LABELS.map(lambda record: (record, schema.dump_label, schema.parse_label)),
        ARCHIVES.map(lambda record: (record, schema.dump_archive, schema.parse_archive)),
        stage_pointers().map(lambda record: (record, schema.dump_stage, schema.parse_stage)),
    )
)
@settings(max_examples=300, deadline=None)
def test_a_record_comes_back_from_its_file(case):
    """C3, C4: whatever strings and numbers a record holds, its file gives the same record, and the same file again."""
    record, dump, parse = case
    data = dump(record)
    back = parse(data, "f.yaml")
    assert back == record
    assert dump(back) == data
