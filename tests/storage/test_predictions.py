"""Files of predictions: what they say in each format, and what is refused."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import sys

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.domain.samples import Samples
from modelver.errors import Damaged, ModelverError, UsageError
from modelver.storage import tables
from modelver.storage.predictions import read_predictions

PREDICTED = "id,y_true,y_pred\n"
PROBABLE = "id,y_true,y_prob\n"


def as_csv(rows, **how):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]), **how)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def as_json(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def as_parquet(rows, **how):
    stream = io.BytesIO()
    table = rows if isinstance(rows, pyarrow.Table) else pyarrow.Table.from_pylist(rows)
    pyarrow.parquet.write_table(table, stream, **how)
    return stream.getvalue()


def read(data, name="preds.csv", **how):
    return read_predictions(io.BytesIO(data if isinstance(data, bytes) else data.encode()), name=name, **how)


def refused(data):
    with pytest.raises(UsageError) as caught:
        read(data)
    assert "\n" not in caught.value.message
    assert caught.value.message.startswith("preds.csv: ")
    return caught.value.message.removeprefix("preds.csv: ")


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [
                {"id": "a", "y_true": 1, "y_pred": 0, "y_prob": 0.25, "slice": "new"},
                {"id": "b", "y_true": 0, "y_pred": 0, "y_prob": 1e-07, "slice": "old"},
            ],
            Samples(
                ids=["a", "b"],
                truths=[1.0, 0.0],
                classes=True,
                predictions=[0.0, 0.0],
                probabilities=[0.25, 1e-07],
                slices=["new", "old"],
            ),
        ),
        (
            [{"y_prob": 1, "y_true": True, "id": 7}, {"y_prob": 0, "y_true": False, "id": 8}],
            Samples(ids=["7", "8"], truths=[1.0, 0.0], classes=True, probabilities=[1.0, 0.0]),
        ),
        (
            [
                {"id": 'a,"b"\nc', "y_true": "cat", "y_pred": "größer"},
                {"id": " é ", "y_true": "größer", "y_pred": "true"},
            ],
            Samples(ids=['a,"b"\nc', " é "], truths=["cat", "größer"], classes=True, predictions=["größer", "true"]),
        ),
        (
            [{"id": "a", "y_true": 1.5, "y_pred": -2.5e300}, {"id": "b", "y_true": 3.0, "y_pred": 0.1}],
            Samples(ids=["a", "b"], truths=[1.5, 3.0], classes=False, predictions=[-2.5e300, 0.1]),
        ),
    ],
)
def test_the_same_samples_are_equal_in_every_format(rows, expected):
    """Column order, delimiter, line ends and a byte order mark tell nothing."""
    for data in (
        as_csv(rows),
        as_csv(rows, lineterminator="\n"),
        as_csv(rows, delimiter=";"),
        as_csv(rows, delimiter="\t", quoting=csv.QUOTE_ALL),
        b"\xef\xbb\xbf" + as_csv(rows),
        as_json(rows),
        b"\xef\xbb\xbf\n \n" + as_json(rows).replace(b"\n", b"\r\n\r\n"),
        as_parquet(rows),
        as_parquet(rows, compression="gzip", row_group_size=1),
        as_parquet(rows, use_dictionary=False, version="1.0"),
    ):
        assert read(data) == expected


def test_blank_lines_and_further_columns_do_not_matter():
    """Also an index without a name, as pandas writes it, and two columns that we do not read with one name."""
    assert read(",id,y_true,y_pred,x,x\n\n0,a,1,1,,\n\n1,b,0,1,,\n\n") == read("id,y_true,y_pred\na,1,1\nb,0,1\n")
    assert read('{"id":"a","y_true":1,"y_pred":1,"x":{"y":[1]}}') == read('{"id":"a","y_true":1,"y_pred":1}')


def test_a_file_of_parquet_may_have_categories_decimals_small_numbers_and_other_columns():
    """What pandas and others write: what a cell means counts, not how many bits it has."""
    table = pyarrow.table(
        {
            "vector": pyarrow.array([[1.0], [2.0]]),
            "id": pyarrow.array([1, 2], pyarrow.uint8()),
            "y_true": pyarrow.array([1, 0], pyarrow.int8()),
            "y_pred": pyarrow.array([True, False]),
            "y_prob": pyarrow.array([0.5, 0.25], pyarrow.float16()),
            "slice": pyarrow.array(["x", "x"]).dictionary_encode(),
        }
    )
    expected = Samples(
        ids=["1", "2"],
        truths=[1.0, 0.0],
        classes=True,
        predictions=[1.0, 0.0],
        probabilities=[0.5, 0.25],
        slices=["x", "x"],
    )
    assert read(as_parquet(table)) == expected
    decimals = table["y_prob"].cast(pyarrow.float32()).cast(pyarrow.decimal128(4, 2))
    large = pyarrow.array(["x", "x"], pyarrow.large_string())
    table = table.set_column(4, "y_prob", decimals).set_column(5, "slice", large)
    assert read(as_parquet(table)) == expected


@pytest.mark.parametrize(
    ("truths", "guesses", "classes"),
    [
        ("1 0 1", "0 0 1", True),
        ("3 5 7", "3.0 5 8", True),
        ("3 5 7", "3.1 5 8", False),
        ("3 5 7.5", "3 5 8", False),
        (" ".join(map(str, range(20))), " ".join(map(str, range(20))), True),
        (" ".join(map(str, range(21))), " ".join(map(str, range(21))), False),
        ("True FALSE true", "1 0 1.0", True),
        ("1 0 1", "true false 0", True),
        ("a b 3", "a b 4", True),
        ("1 2 3", "a b 4", True),
        ("1_0 2 3", "1 2 3", True),
        ("0x10 2 3", "1 2 3", True),
    ],
)
def test_whole_numbers_are_classes_only_where_they_are_few_and_predicted_whole(truths, guesses, classes):
    """Names are classes always; a small regression shows itself by one prediction that is not whole."""
    rows = [
        f"{n},{truth},{guess}" for n, (truth, guess) in enumerate(zip(truths.split(), guesses.split(), strict=True))
    ]
    assert read("id,y_true,y_pred\n" + "\n".join(rows)).classes is classes


def test_numerals_beside_names_keep_their_text():
    """A class called 10 is not 10.0 where another is called A; in JSON and Parquet text is never a number."""
    assert read("id,y_true,y_pred\n1,10,A\n2,A,010\n").predictions == ["A", "010"]
    rows = [{"id": "a", "y_true": "1", "y_pred": "0.5"}]
    assert read(as_json(rows)).predictions == read(as_parquet(rows)).predictions == ["0.5"]


def test_numbers_may_have_spaces_around_and_are_read_as_python_reads_them():
    assert read("id,y_true,y_pred\na, 0.1 ,\t1e-3\nb,.5,+7.\n").predictions == [0.001, 7.0]


MISSING = "is missing, NaN or infinite in"
BINARY = "beside y_prob, the probability of class 1, is neither 0 nor 1 in"
ROW = {"id": 1, "y_true": 1, "y_pred": 1}
NO_OBJECT = (
    "no JSON object in 4 rows: line 2 (Expecting ',' delimiter), line 4 (3), line 5 (a key is there twice), line 6 ("
)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("", "is empty"),
        ("\ufeff \n\n", "is empty"),
        (PREDICTED, "has no rows"),
        ("id,y_true\na,1\n", "has no column y_pred or y_prob, only 'id', 'y_true'"),
        ("1,2\n3,4\n", "has no column id, y_true, y_pred or y_prob, only '1', '2'"),
        ("id,y_true,y_prob, id\n", "has more than one column id"),
        ('[{"id": 1}]', "is one JSON array"),
        (PREDICTED + "a,1\nb,1,1\nc,1,1,1\n", "other than 3 cells in 2 rows: line 2 (2), line 4 (4)"),
        (PREDICTED + '"a\nb",1,1\n\n"a\nb",1,1\n', r"id is there before in 1 row: line 5 ('a\nb')"),
        (
            PREDICTED + "a,1,1\n" * 1234,
            "id is there before in 1,233 rows: line 3 ('a'), line 4 ('a'), line 5 ('a'), line 6 ('a'), line 7 ('a'), …",
        ),
        (PREDICTED + ",1,1\n  ,1,1\n", "id is empty in 2 rows: line 2, line 3"),
        ("id,y_true,y_pred,slice\na,1,1,\n", "slice is empty in 1 row: line 2"),
        (PREDICTED + "a,,1\nb,1,1\n", f"y_true {MISSING} 1 row: line 2 ('')"),
        (PREDICTED + "a,1,NaN\nb,1,-inf\n", f"y_pred {MISSING} 2 rows: line 2 ('NaN'), line 3 ('-inf')"),
        (PREDICTED + "a,cat,nan\nb,dog, \n", f"y_pred {MISSING} 2 rows: line 2 ('nan'), line 3 (' ')"),
        (PROBABLE + "a,1,1e999\n", f"y_prob {MISSING} 1 row: line 2 ('1e999')"),
        (PROBABLE + "a,1,1.5\nb,1,-1\nc,0,1\n", "y_prob is outside 0 to 1 in 2 rows: line 2 ('1.5'), line 3 ('-1')"),
        (PROBABLE + "a,1,-1e-9\n", "y_prob is outside 0 to 1 in 1 row: line 2 ('-1e-9')"),
        (PROBABLE + "a,1,x\nb,1,true\n", "y_prob is no number in 2 rows: line 2 ('x'), line 3 ('true')"),
        (PROBABLE + "a,1,0_1\nb,1,1\n", "y_prob is no number in 1 row: line 2 ('0_1')"),
        (PROBABLE + "a,2,0.5\n", f"y_true {BINARY} 1 row: line 2 ('2')"),
        (PROBABLE + "a,cat,0.5\n", f"y_true {BINARY} 1 row: line 2 ('cat')"),
        ("id,y_true,y_pred,y_prob\na,1,pos,0.5\n", f"y_pred {BINARY} 1 row: line 2 ('pos')"),
        (PREDICTED + "a,true,0.5\n", "y_pred beside true and false is neither 0 nor 1 in 1 row: line 2 ('0.5')"),
        (PREDICTED + "a,1.5,1\nb,2,oops\n", "y_pred is text beside numbers in 1 row: line 3 ('oops')"),
        (
            PREDICTED + "a,b,0\n" + "".join(f"{n},{n},{n}\n" for n in range(21)),
            "y_true is text beside numbers in 1 row: ",
        ),
        (PREDICTED + 'a,1,"1\n', "line 2 is malformed CSV: unexpected end of data"),
        (PREDICTED.encode() + b"a,1,1\n\xe9,1,1\n", "line 3 is not UTF-8"),
        (PREDICTED.encode("utf-16"), "line 1 is not UTF-8"),
        (PREDICTED + "a\0b,1,1\n", r"id has a NUL or half a character in 1 row: line 2 ('a\x00b')"),
        (PREDICTED + "\x1b[31m,1,1\n" * 2, r"id is there before in 1 row: line 3 ('\x1b[31m')"),
        ('{"id":1,"y_true":1,"y_pred":1}\n{"id":2\n\n3\n{"id":1,"id":2}\n' + "[" * 100_000, NO_OBJECT),
        ('{"id":"\\ud800","y_true":1,"y_pred":1}', r"id has a NUL or half a character in 1 row: line 1 ('\ud800')"),
        ('{"id":1,"y_true":1}\n{"id":2,"y_true":1,"y_pred":1}', f"y_pred {MISSING} 1 row: line 1 (null)"),
        ('{"id":1,"y_true":1,"y_pred":null}', "has no column y_pred or y_prob"),
        ('{"id":NaN,"y_true":1,"y_pred":1}\n{"y_true":1}\n{"id":1}', "id is empty in 2 rows: line 1, line 2"),
        ('{"id":[1],"y_true":1,"y_pred":1}', "id is neither text nor a number in 1 row: line 1 (list)"),
        (
            '{"id":1,"y_true":{},"y_pred":1}',
            "y_true is neither text nor a number nor a boolean in 1 row: line 1 (dict)",
        ),
        ('{"id":1,"y_true":NaN,"y_pred":1e999}', f"y_true {MISSING} 1 row: line 1 (nan)"),
        ('{"id":1,"y_true":1,"y_pred":1' + "0" * 400 + "}", f"y_pred {MISSING} 1 row: line 1 (1000"),
        ('{"id":1,"y_true":1' + "0" * 5000 + "}", "no JSON object in 1 row: line 1 (Exceeds the limit"),
        (as_json([ROW, ROW | {"id": 2, "y_pred": "1"}]), "y_pred is text beside numbers in 1 row: line 2 ('1')"),
        (as_json([ROW | {"y_true": True, "y_pred": "cat"}]), "y_pred is text beside numbers in 1 row: line 1 ('cat')"),
        (as_json([ROW | {"y_true": "cat", "y_pred": "NaN"}]), f"y_pred {MISSING} 1 row: line 1 ('NaN')"),
        (as_json([ROW | {"y_prob": "0.5"}]), "y_prob is no number in 1 row: line 1 ('0.5')"),
        (as_parquet([ROW, ROW]), "id is there before in 1 row: row 2 (1)"),
        (as_parquet([ROW, ROW | {"id": 2, "y_pred": None}]), f"y_pred {MISSING} 1 row: row 2 (null)"),
        (as_parquet([ROW | {"y_pred": [1]}]), "column y_pred is of type 'list<element: int64>', neither"),
        (as_parquet(pyarrow.table([[1]] * 4, ["id", "y_true", "y_pred", "id"])), "has more than one column id"),
        (as_parquet([{"id": 1}]), "has no column y_true, y_pred or y_prob, only 'id'"),
        (as_parquet(pyarrow.table([[]] * 3, ["id", "y_true", "y_pred"])), "has no rows"),
        (b"PAR1", "is malformed Parquet: "),
        (as_parquet([ROW])[:-20] + b"PAR1", "is malformed Parquet: "),
    ],
    ids=lambda part: str(part)[-50:],
)
def test_what_is_wrong_is_counted_and_the_first_places_are_named(data, message):
    assert refused(data).startswith(message)


def test_the_caller_chooses_what_a_wrong_file_is():
    """A file that a person names is wrong usage, one from the store is damaged; a name cannot act on a terminal."""
    with pytest.raises(Damaged, match=r"^p\\x1b\.csv: is empty$"):
        read(b"", name="p\x1b.csv", error=Damaged)


def test_without_pyarrow_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(UsageError, match="pyarrow") as caught:
        read(as_parquet([{"id": 1, "y_true": 1, "y_pred": 1}]), error=Damaged)
    assert caught.value.hints == ["pip install 'modelver[parquet]'"]


@pytest.mark.parametrize("write", [as_csv, as_json, as_parquet])
def test_what_is_too_big_is_refused(write, monkeypatch):
    """Bytes, rows and names, in every format."""
    data = write([{"id": n, "y_true": 1, "y_pred": 1} for n in range(3)])
    monkeypatch.setattr(tables, "MAX_ROWS", 3)
    monkeypatch.setattr(tables, "MAX_BYTES", len(data))
    assert len(read(data).ids) == 3
    monkeypatch.setattr(tables, "MAX_ROWS", 2)
    assert refused(data) == "has more than 2 rows"
    monkeypatch.setattr(tables, "MAX_BYTES", len(data) - 1)
    assert refused(data) == f"is larger than {len(data) - 1:,} bytes"
    monkeypatch.undo()
    longest = {"id": "i" * 1000, "y_true": "t" * 1000, "y_pred": "p" * 1000, "slice": "s" * 1000}
    assert read(write([longest])).slices == ["s" * 1000]
    for column, name in longest.items():
        assert refused(write([longest | {column: name + "x"}])).startswith(f"{column} has more than 1,000 characters")


def test_a_line_and_what_a_parquet_file_unpacks_to_are_bounded(monkeypatch):
    """A million rows may share one long text, which is then in memory once."""
    monkeypatch.setattr(tables, "MAX_LINE", 20)
    assert len(read("id,y_true,y_pred\na,1,1\n").ids) == 1
    assert refused("id,y_true,y_pred\na,1,1\n" + "b" * 21 + ",1,1\n") == "line 3 has more than 20 characters"
    assert refused('{"id": "aaaaaaaaaaa"}') == "line 1 has more than 20 characters"
    texts = pyarrow.DictionaryArray.from_arrays([0] * 100_000, ["x" * 100_000])
    table = pyarrow.table({"id": range(100_000), "y_true": [1] * 100_000, "y_pred": texts})
    assert refused(as_parquet(table, store_schema=False)).startswith("y_pred is text beside numbers in 100,000 rows: ")
    packed = as_parquet([ROW | {"id": "x" * 100_000}], compression="zstd")
    monkeypatch.setattr(tables, "MAX_BYTES", 100_000)
    assert refused(packed) == "has more than 100,000 bytes when unpacked"


@pytest.mark.parametrize("data", [as_csv([ROW]), as_json([ROW]), as_parquet([ROW]), b"PAR1", b"\xff", b"a,b"])
def test_the_stream_is_read_from_its_beginning_and_stays_open(data):
    """Also where the file is refused."""
    stream = io.BytesIO(data)
    stream.seek(3)
    with contextlib.suppress(UsageError):
        assert read_predictions(stream, name="file").ids == ["1"]
    assert stream.getvalue() == data


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).filter(str.strip)
CLASSES = st.builds("class {}".format, st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5))
QUANTITIES = st.floats(allow_nan=False, allow_infinity=False)
WRITERS = st.sampled_from([as_csv, as_json, as_parquet])


@st.composite
def samples(draw):
    ids = draw(st.lists(NAMES, min_size=1, max_size=8, unique=True))
    column = lambda values: draw(st.lists(values, min_size=len(ids), max_size=len(ids)))  # noqa: E731
    kind = draw(st.sampled_from(["classes", "quantities", "binary"]))
    if kind == "binary":
        truths, guesses, probabilities = column(st.sampled_from([0.0, 1.0])), None, column(st.floats(0, 1))
    else:
        values = CLASSES if kind == "classes" else QUANTITIES
        truths, guesses, probabilities = column(values), column(values), None
    if kind == "quantities":
        truths[0] = 0.5
    slices = column(NAMES) if draw(st.booleans()) else None
    return Samples(
        ids=ids,
        truths=truths,
        classes=kind != "quantities",
        predictions=guesses,
        probabilities=probabilities,
        slices=slices,
    )


@given(samples(), WRITERS)
@settings(deadline=None)
def test_what_is_written_comes_back(given_samples, write):
    columns = {
        "id": given_samples.ids,
        "y_true": given_samples.truths,
        "y_pred": given_samples.predictions,
        "y_prob": given_samples.probabilities,
        "slice": given_samples.slices,
    }
    there = {name: cells for name, cells in columns.items() if cells is not None}
    rows = [dict(zip(there, cells, strict=True)) for cells in zip(*there.values(), strict=True)]
    assert read(write(rows)) == given_samples


def reads_or_refuses(data):
    try:
        found = read(data)
    except ModelverError:
        return
    assert len(found.ids) == len(found.truths) == len(set(found.ids))


SMALL_PARQUET = as_parquet([{"id": "a", "y_true": 1.5, "y_pred": 2, "slice": "x"}])
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda each: st.lists(each), max_leaves=3
)


@given(st.binary(), st.sampled_from([b"", b"PAR1", b"{", PREDICTED.encode(), PROBABLE.encode(), b"\xef\xbb\xbf{"]))
@settings(deadline=None)
def test_any_bytes_are_samples_or_an_error_of_ours(data, begin):
    reads_or_refuses(begin + data)


@given(st.text("ab01.,;\"'\t\r\n \x00\ud7ffé-e_", max_size=60))
def test_any_text_is_samples_or_an_error_of_ours(text):
    reads_or_refuses("id,y_true,y_pred\n" + text)


@given(st.lists(st.dictionaries(st.sampled_from(tables.COLUMNS), JSON_VALUES), min_size=1, max_size=4))
def test_any_json_is_samples_or_an_error_of_ours(rows):
    reads_or_refuses(as_json(rows))


@given(st.lists(st.tuples(st.integers(0, len(SMALL_PARQUET) - 1), st.integers(0, 255)), min_size=1, max_size=4))
@settings(deadline=None)
def test_a_damaged_parquet_file_is_samples_or_an_error_of_ours(changes):
    data = bytearray(SMALL_PARQUET)
    for place, value in changes:
        data[place] = value
    reads_or_refuses(bytes(data))
