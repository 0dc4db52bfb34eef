"""What the writer writes and what the reader takes (rules C3 and C4)."""

import contextlib
import json
import math
import random

import pytest
import yaml as pyyaml
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.errors import Damaged, UsageError
from modelver.records import yaml

# Words that some reader takes for something else, and texts whose blanks or signs mean something.
WORDS = r"""
~ = << null Null true True no No on off y N yes .inf -.INF .nan NaN Infinity -Infinity nan inf . .. ... .... --- - ? :
1e5 1E5 1e-4 12e34567 1e999 0o14 014 08 0x1f 0b11 1:30 1:30:15.5 190:20:30 1_000 1,000 +1 -1 +.5 .5 5. 1. 1.2.0 1.0 -0
0x1p-2 0.1e1 1__0 _1 1_ 0o 0x 1e e1 1e+ ++1 1: 1:a a:1 + ?a -a 2024-01-01 2024-1-1 2024-01-01T12:00:00Z a: a:b # a#b
[a] [ ] { } , &a *a !a | > |- %a @a `a ' '' " "a" 'a' it's a\b \ é 日本 😀
"""
TEXTS = "--- a;... a;- a;? a;: a;a: b;a #b;1 #;2024-01-01 12:00:00;{a: b};!!str a;%YAML 1.1;a: ;key: |;- - a; ;a ; a"
LINES = [
    "",
    "\t",
    "a\tb",
    "a\n",
    "\na",
    "a\n\n",
    "a\nb",
    "a\n b",
    " a\nb",
    "a \nb",
    "a\n\nb",
    "\n",
    "\n\n",
    "a\r\nb",
    "\r",
]
SIGNS = [
    "#a\nb",
    "a\n#b",
    "a\u2028b",
    "x" * 3000,
    "é" * 2000,
    *"\x00\x1b\x7f\x85\xa0\u2028\u2029\ufeff\u202e\ufffe\U000e0041",
]
NASTY = [*WORDS.split(), *TEXTS.split(";"), *LINES, *SIGNS]
TEXT = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec="utf-8"), max_size=40))
SCALARS = st.one_of(
    TEXT,
    st.integers(-(10**100) + 1, 10**100 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20
)


def plain(data: bytes):
    return yaml.read(data, name="f.yaml").plain()


def exact(value):
    """`value` with its types, so that 1, 1.0, True and -0.0 differ."""
    return json.dumps(value, ensure_ascii=False)


def refused(data: bytes) -> str:
    with pytest.raises(Damaged) as caught:
        yaml.read(data, name="f.yaml")
    assert caught.value.code == 5
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in caught.value.message)
    return caught.value.message


@given(st.dictionaries(TEXT, VALUES, max_size=5))
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read_back(mapping):
    """C3, C4: any mapping of JSON's values comes back as it went, types and order of keys included."""
    assert exact(plain(yaml.write(mapping))) == exact(mapping)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
@settings(max_examples=300, deadline=None)
def test_plain_pyyaml_reads_the_same(mapping):
    """C3: a YAML 1.1 reader takes no string for a number, a date or a truth, and no float for a string."""
    assert exact(pyyaml.safe_load(yaml.write(mapping))) == exact(mapping)


def nasty_strings(count: int) -> list[str]:
    """`count` strings made of pieces that readers trip over, the same ones in every run."""
    draw = random.Random(20240101)
    pieces = [*NASTY, *"0123456789eE+-._:,xob#'\"\\&*!|>%@ \n\t", "~", "null", "0x", "1e", ": ", " #", "\n  "]
    short = [piece for piece in pieces if len(piece) < 100]
    return ["".join(draw.choices(short, k=draw.randint(1, 5))) for _ in range(count)]


def test_thirty_thousand_nasty_strings_survive():
    """C3: 30,000 strings made to be misread come back from our reader and from PyYAML as they went."""
    strings = nasty_strings(30_000)
    for start in range(0, len(strings), 2_000):
        part = strings[start : start + 2_000]
        data = yaml.write({"values": part, "keys": {text: text for text in part}})
        expected = {"values": part, "keys": {text: text for text in part}}
        assert plain(data) == expected
        assert pyyaml.load(data, Loader=getattr(pyyaml, "CSafeLoader", pyyaml.SafeLoader)) == expected


def test_the_python_loader_of_pyyaml_reads_the_nasty_strings_too():
    """C3: where libyaml is missing, PyYAML's own parser gives the same strings."""
    expected = {"values": [*NASTY, *nasty_strings(500)]}
    assert pyyaml.load(yaml.write(expected), Loader=pyyaml.SafeLoader) == expected


def test_the_reader_works_without_libyaml(monkeypatch):
    """C4: PyYAML's own parser serves where libyaml is missing."""
    monkeypatch.delattr(pyyaml, "CSafeLoader", raising=False)
    expected = {"values": NASTY, "a": {"b": [1, 1e-7, None]}}
    assert exact(plain(yaml.write(expected))) == exact(expected)
    refused(b'a: "\\U99999999"')
    refused(b'a: "\\ud800"')
    refused(b"a: " + b"{a: " * 50_000)


@given(st.binary(max_size=200))
@settings(max_examples=500, deadline=None)
def test_any_bytes_are_read_or_damaged(data):
    """C4: no bytes make the reader raise anything but Damaged."""
    with contextlib.suppress(Damaged):
        yaml.read(data, name="f.yaml")


@given(st.text(st.sampled_from(":-?{}[]&*!|>'\"%@#,~ \n\tabc01.e"), max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_punctuation_is_read_or_damaged(text):
    """C4: no combination of YAML's signs makes the reader raise anything but Damaged."""
    try:
        tree = yaml.read(text.encode(), name="f.yaml")
    except Damaged:
        return
    try:
        data = yaml.write(tree.plain())
    except UsageError:
        return
    assert exact(plain(data)) == exact(tree.plain())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"a: &x 1\n", "f.yaml:1: anchors"),
        (b"a: 1\nb: *x\n", "f.yaml:2: aliases"),
        (b"a: !!str 1\n", "tags"),
        (b"a: ! 1\n", "tags"),
        (b"a: !!python/object/apply:os.system [id]\n", "tags"),
        (b"a: !%ff%ff 1\n", "f.yaml:1:"),
        (b"a: 1\nb: 2\na: 3\n", "f.yaml:3: the key 'a' stands twice"),
        (b"'a': 1\na: 3\n", "stands twice"),
        (b"a: 1\n---\nb: 1\n", "f.yaml:2: a second document"),
        (b"%YAML 1.1\n---\na: 1\n", "directives"),
        (b"%TAG ! x:\n---\na: 1\n", "directives"),
        (b"? [a]\n: 1\n", "a key has to be a string"),
        (b"? {a: 1}\n: 1\n", "a key has to be a string"),
        (b"- 1\n", "expected a mapping"),
        (b"word\n", "expected a mapping"),
        (b"a: NaN\n", "no finite number"),
        (b"a: -Infinity\n", "no finite number"),
        (b"a: .inf\n", "no finite number"),
        (b"a: 1e999\n", "too large"),
        (b"a: " + b"9" * 101, "over 100 digits"),
        (b"a: -" + b"9" * 5000, "over 100 digits"),
        (b"a: \xff\n", "f.yaml:1: not UTF-8"),
        (b"a: 1\nb: \xed\xa0\x80\n", "f.yaml:2: not UTF-8"),
        (b"\xef\xbb\xbfa: 1\n", "0xfeff is not allowed"),
        ("a: 1\n".encode("utf-16"), "f.yaml:1:"),
        (b"a: 1\nb: \x1b[31m\n", "f.yaml:2: the character 0x1b"),
        (b"a: \x00\n", "the character 0x0"),
        (b"a: 1\n\tb: 2\n", "f.yaml:2: no YAML"),
        (b"a: 'b\n", "no YAML"),
        (b'a: "\\ud800"\n', "f.yaml:1:"),
        (b'"a\\e": 1\n"a\\e": 1\n', "'a\\x1b' stands twice"),
        (b"a: {", "no YAML"),
        (b"a: " + b"[" * 50_000, "nest"),
        (b"{a: " * 50_000, "nest"),
        (b"{" * 50_000, "f.yaml:1:"),
        (b"? " * 50_000, "f.yaml:1:"),
        (b"- " * 50_000, "f.yaml:1:"),
        (b"a: [" + b"1," * 30_000 + b"]", "over 20000 events"),
        (b"x" * 100_000_000, "100000000 bytes"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hostile_yaml_is_refused(data, words):
    """C4: what a record never needs is refused with its line, before it costs time or memory."""
    assert words in refused(data)


def test_plain_scalars_are_those_of_json():
    """C4: a plain value is JSON's, or a string; never YAML 1.1's truth, octal, date or sixtieth."""
    data = b"{a: 1e-4, b: no, c: 1:30, d: 2024-01-01, e: 010, f: 0x1f, g: ~, h: , i: '1', j: 1.50, k: -0, l: True}"
    assert exact(plain(data)) == exact(
        {"a": 1e-4, "b": "no", "c": "1:30", "d": "2024-01-01", "e": "010", "f": "0x1f", "g": "~", "h": None}
        | {"i": "1", "j": 1.5, "k": 0, "l": "True"}
    )


def test_keys_are_strings():
    """C4: a key is a string whatever it looks like."""
    assert plain(b"{1: a, true: b, null: c, <<: d}") == {"1": "a", "true": "b", "null": "c", "<<": "d"}


def test_an_empty_file_is_an_empty_mapping():
    """C4: nothing, or comments alone, is a mapping without keys."""
    assert plain(b"") == plain(b"# only this\n") == {}


def test_a_node_knows_its_place():
    """C4: every value knows its line and the keys that lead to it."""
    tree = yaml.read(b"a:\n  b:\n  - 1\n  - c: x\n", name="f.yaml")
    node = tree.value["a"].value["b"].value[1].value["c"]
    assert (node.path, node.line, node.file) == ("a.b[1].c", 4, "f.yaml")


def test_one_long_key_is_not_copied_for_each_of_its_values():
    """C4: a file within the limits stays cheap, whatever its keys are."""
    data = b"? " + b"k" * 120_000 + b"\n: {" + b",".join(b"a%d: 1" % n for n in range(8_000)) + b"}\n"
    tree = yaml.read(data, name="f.yaml")
    (child,) = tree.value.values()
    assert len(child.value["a1"].path) < 200


def test_the_layout_on_disk():
    """C3: block style, lists not indented, LF, strings that look like something else quoted."""
    mapping = {"format": 1, "at": "2024-01-01T12:00:00Z", "by": "Name <n@example.com>", "message": "one\n\n  two\n"}
    mapping |= {"history": [{"number": 1, "of": []}, {"number": 2, "label": "1.2.0"}], "commit": "12e34567"}
    mapping |= {"metrics": {"auc": 0.91, "loss": 1e-05}, "none": None, "digest": "sha256:ab"}
    assert yaml.write(mapping).decode() == (
        "format: 1\nat: '2024-01-01T12:00:00Z'\nby: Name <n@example.com>\nmessage: |\n  one\n\n    two\n"
        "history:\n- number: 1\n  of: []\n- number: 2\n  label: 1.2.0\ncommit: '12e34567'\n"
        "metrics:\n  auc: 0.91\n  loss: 1.0e-05\nnone: null\ndigest: sha256:ab\n"
    )


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_read_alike_by_json(number):
    """C3: JSON reads a float as it was written, with its sign."""
    found = json.loads(yaml.scalar(number))
    assert found == number
    assert math.copysign(1, found) == math.copysign(1, number)


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, 10**100, -(10**5000), b"b", object(), {1: 2}, {None: 1}, "\ud800", {"\udfff": 1}],
    ids=lambda value: type(value).__name__,
)
def test_the_writer_refuses_what_the_reader_would(value):
    """C3: no record is written that could not be read; the words are to blame, exit 2."""
    with pytest.raises(UsageError):
        yaml.write({"a": value})


def test_the_limits_are_the_same_on_both_sides():
    """C3, C4: depth, events and size are refused by the writer exactly where the reader would refuse them."""
    deep = {"a": 1}
    for _ in range(yaml.DEPTH_LIMIT - 1):
        deep = {"a": deep}
    assert plain(yaml.write(deep)) == deep
    with pytest.raises(UsageError):
        yaml.write({"a": deep})
    most = {"a": [1] * (yaml.EVENT_LIMIT - 9)}  # stream, document, mapping, list, key
    assert plain(yaml.write(most)) == most
    with pytest.raises(UsageError):
        yaml.write({"a": [1] * (yaml.EVENT_LIMIT - 8)})
    with pytest.raises(UsageError):
        yaml.write({"a": "x" * yaml.SIZE_LIMIT})
    endless: list = []
    endless.append(endless)
    with pytest.raises(UsageError):
        yaml.write({"a": endless})
