"""What is inside a model file: its tensors' names, shapes and dtypes, from headers alone."""

from __future__ import annotations

import io
import json
import struct
import tracemalloc
import zipfile

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError, deserialize
from safetensors.numpy import save

from modelver.domain.text import printable
from modelver.errors import Damaged
from modelver.storage.formats import Tensor, identify, tensors

FORMATS = ("safetensors", "npy", "npz", "gguf")


def read(data, format):
    return tensors(io.BytesIO(data), format)


def reason(data, format):
    """Why the bytes are refused."""
    with pytest.raises(Damaged) as caught:
        read(data, format)
    prefix = f"cannot be read as {format}: "
    assert caught.value.message.startswith(prefix)
    assert printable(caught.value.message) == caught.value.message
    return caught.value.message.removeprefix(prefix)


def safetensors(header, room=0):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(room)


def npy(text, room=0, version=1):
    text = text.encode() if isinstance(text, str) else text
    return (
        b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + bytes(room)
    )


def saved(array, **options):
    file = io.BytesIO()
    numpy.save(file, array, **options)
    return file.getvalue()


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def text(value):
    value = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(value)) + value


def gguf(*infos, pairs=(), version=3, count=None, number_of_pairs=None, room=1024):
    """A GGUF file by its specification, byte by byte; the dimensions as the file has them, the innermost first."""
    numbers = (
        version,
        len(infos) if count is None else count,
        len(pairs) if number_of_pairs is None else number_of_pairs,
    )
    parts = [b"GGUF", struct.pack("<IQQ", *numbers), *pairs]
    for name, dimensions, kind, offset in infos:
        count = len(dimensions)
        parts += [text(name), struct.pack(f"<I{count}QIQ", count, *dimensions, kind, offset)]
    return b"".join(parts) + bytes(room)


def pair(key, kind, value):
    return text(key) + struct.pack("<I", kind) + value


REAL = {
    "safetensors": save({"b": numpy.ones((2, 3), numpy.float32), "a": numpy.zeros(4, numpy.int8)}, {"format": "np"}),
    "npy": saved(numpy.ones((2, 3), numpy.float32)),
    "npz": zipped([("b.npy", saved(numpy.ones((2, 3), numpy.float32))), ("a.npy", saved(numpy.zeros(4, numpy.int8)))]),
    "gguf": gguf(
        ("b", (3, 2), 0, 0),
        ("a", (4,), 24, 32),
        pairs=(
            pair("general.name", 8, text("tiny")),
            pair("words", 9, struct.pack("<IQ", 8, 2) + text("one") + text("two")),
            pair("nested", 9, struct.pack("<IQIQH", 9, 1, 2, 1, 7)),
        ),
    ),
}
TWO = (Tensor("a", (4,), "int8"), Tensor("b", (2, 3), "float32"))


# What real writers write


@pytest.mark.parametrize("format", ["safetensors", "npz", "gguf"])
def test_tensors_are_sorted_by_name(format):
    """Whatever order the file has, and whatever else it says."""
    assert read(REAL[format], format) == TWO


def test_a_format_that_is_not_read_has_no_tensors_to_tell():
    """None, which is not the same as none."""
    assert read(b"anything", "torch") is None
    assert read(safetensors({}), "safetensors") == ()


def test_what_was_identified_can_be_read(tmp_path):
    """`identify` and `tensors` agree on the names of formats, and a file on the disk is read as bytes are."""
    for format, data in REAL.items():
        path = tmp_path / "model"
        path.write_bytes(data)
        assert identify(path) == format
        with path.open("rb") as stream:
            assert tensors(stream, format) == read(data, format)


def test_every_dtype_of_numpy_is_called_as_numpy_calls_it():
    """In npy and npz; byte order is no part of a dtype."""
    names = ["b1", "i1", "<i2", ">i4", "i8", "u1", "u2", "u4", "u8", "f2", "<f4", ">f8", "c8", "c16", "g", "G"]
    names += ["S5", "U7", ">U7", "V4", "V0", "M8[ns]", "M8[25s]", "m8"]
    for name in names:
        array = numpy.zeros((2, 3), name)
        expected = Tensor("array", (2, 3), array.dtype.name)
        assert read(saved(array), "npy") == (expected,)
        file = io.BytesIO()
        numpy.savez(file, array=array)
        assert read(file.getvalue(), "npz") == (expected,)


def test_numpy_arrays_of_every_kind_of_shape():
    """Scalars, one dimension, none of one, other orders, and all versions of the header."""
    for array in (numpy.float64(3), numpy.zeros(3), numpy.zeros((0, 5)), numpy.zeros((2, 3, 4), order="F")):
        assert read(saved(array), "npy") == (Tensor("array", numpy.shape(array), "float64"),)
        for version in ((1, 0), (2, 0), (3, 0)):
            file = io.BytesIO()
            numpy.lib.format.write_array(file, numpy.asarray(array), version)
            assert read(file.getvalue(), "npy") == (Tensor("array", numpy.shape(array), "float64"),)


def test_fields_and_objects_have_a_name_and_no_size():
    """Objects are a pickle, of which nothing is read."""
    fields = numpy.zeros(3, [("a", "<f4"), ("b", [("c", "<i8", (2,))]), ("長さ", "S3")])
    assert read(saved(fields[["a", "b"]].copy()), "npy") == (Tensor("array", (3,), "structured"),)
    with pytest.warns(UserWarning, match=r"format 3\.0"):
        version_3 = saved(fields)
    assert read(version_3, "npy") == (Tensor("array", (3,), "structured"),)
    objects = numpy.array([{}, None, "x"], dtype=object)
    assert read(saved(objects, allow_pickle=True), "npy") == (Tensor("array", (3,), "object"),)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n",
        "{'shape':(2,3),'fortran_order':True,'descr':'<f4'}",
        ' {"descr": "<f4", "fortran_order": False, "shape": (2L, 3L)}  \n',
    ],
)
def test_other_writers_of_npy_are_understood(header):
    """Other orders, quotes and spaces than numpy's, and the numbers of Python 2."""
    assert read(npy(header, 24), "npy") == (Tensor("array", (2, 3), "float32"),)


def test_an_npz_file_is_read_packed_or_not():
    """And members that are no arrays are passed over."""
    array = saved(numpy.random.default_rng(0).random((100, 100)))
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        data = zipped([("layer/0.npy", array), ("readme.txt", b"hello"), ("layer/", b"")], compression)
        assert read(data, "npz") == (Tensor("layer/0", (100, 100), "float64"),)


@pytest.mark.parametrize(
    ("written", "bits", "expected"),
    [
        ("BOOL", 8, "bool"),
        ("I16", 16, "int16"),
        ("U64", 64, "uint64"),
        ("F16", 16, "float16"),
        ("F64", 64, "float64"),
        ("BF16", 16, "bfloat16"),
        ("C64", 64, "complex64"),
        ("F8_E4M3", 8, "float8_e4m3fn"),
        ("F8_E5M2", 8, "float8_e5m2"),
        ("F8_E8M0", 8, "float8_e8m0fnu"),
        ("F6_E2M3", 6, "float6_e2m3fn"),
        ("F4", 4, "float4_e2m1fn"),
    ],
)
def test_dtypes_of_safetensors_are_called_as_everywhere(written, bits, expected):
    """And a tensor has as many bytes as the library itself expects."""
    length = 4 * 6 * bits // 8
    data = safetensors({"x": {"dtype": written, "shape": [4, 6], "data_offsets": [0, length]}}, length)
    assert read(data, "safetensors") == (Tensor("x", (4, 6), expected),)
    assert [name for name, _ in deserialize(data)] == ["x"]


def test_a_dtype_from_the_future_is_shown_as_it_is_written():
    """A newer release of a format is no damage."""
    entry = {"dtype": "F2_NEW", "shape": [7], "data_offsets": [0, 2]}
    assert read(safetensors({"x": entry}, 2), "safetensors") == (Tensor("x", (7,), "f2_new"),)
    assert read(gguf(("x", (7,), 99, 0)), "gguf") == (Tensor("x", (7,), "ggml_99"),)


def test_gguf_of_its_own_library(tmp_path):
    """Names, shapes and all types as the library that defines them has them."""
    library = pytest.importorskip("gguf")
    from modelver.storage.formats.gguf import _TYPES

    plain = {"f": "float", "i": "int", "bf": "bfloat"}
    for kind, (elements, size) in library.GGML_QUANT_SIZES.items():
        name, *sizes = _TYPES[kind.value]
        letters = kind.name.lower().rstrip("0123456789")
        expected = kind.name.lower().replace(letters, plain[letters]) if letters in plain else kind.name.lower()
        assert (name, *sizes) == (expected, elements, size)

    path = tmp_path / "model.gguf"
    writer = library.GGUFWriter(path, "llama")
    writer.add_token_list(["a", "b", "ß"])
    writer.add_token_scores([0.5, 0.25, 0.125])
    writer.add_bool("some.flag", True)
    writer.add_float64("some.number", 0.5)
    writer.add_array("some.nested", [[1, 2], [3, 4]])
    writer.add_tensor("token_embd.weight", numpy.ones((4, 64), numpy.float32))
    writer.add_tensor("blk.0.bias", numpy.ones(3, numpy.float16))
    packed = library.quants.quantize(numpy.ones((5, 64), numpy.float32), library.GGMLQuantizationType.Q8_0)
    writer.add_tensor("blk.0.weight", packed, raw_dtype=library.GGMLQuantizationType.Q8_0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with path.open("rb") as stream:
        assert tensors(stream, "gguf") == (
            Tensor("blk.0.bias", (3,), "float16"),
            Tensor("blk.0.weight", (5, 64), "q8_0"),
            Tensor("token_embd.weight", (4, 64), "float32"),
        )


def test_gguf_of_version_2_is_read():
    """It differs from version 3 in nothing that is read here."""
    assert read(gguf(("x", (32, 2), 8, 0), version=2), "gguf") == (Tensor("x", (2, 32), "q8_0"),)


# Many tensors


def test_a_hundred_thousand_tensors_are_read():
    """In each format that can hold so many, and one member more of a zip file is refused."""
    count = 100_000
    entries = {f"layer.{n}": {"dtype": "F32", "shape": [2], "data_offsets": [8 * n, 8 * n + 8]} for n in range(count)}
    assert len(read(safetensors(entries, 8 * count), "safetensors")) == count
    assert len(read(gguf(*((f"layer.{n}", (2,), 0, 0) for n in range(count))), "gguf")) == count
    assert "100,000 members" in reason(zipped([(f"{n}.npy", b"") for n in range(count + 1)]), "npz")


# Hostile files


def entry(**changes):
    return safetensors({"x": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changes}}, 24)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x02\0\0",
        struct.pack("<Q", 2**64 - 1) + b"{}",
        struct.pack("<Q", 3) + b"{}",
        safetensors(b""),
        safetensors(b"[]"),
        safetensors(b"{}{}"),
        safetensors(b"{} x"),
        safetensors(b'{"x"}'),
        safetensors(b'{"x": 1}'),
        safetensors(b'{"x": {}}'),
        safetensors(b'{"\xff": {}}'),
        safetensors(b'{"\\ud800": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}'),
        safetensors(b'{"x": ' + b"[" * 5000),
        safetensors(b'{"x": {"shape": ' + b"[" * 5000 + b"]" * 4000 + b"}}"),
        safetensors(b'{"x": {"shape": [' + b"1" * 5000 + b"]}}"),
        safetensors(b'{"x": {"shape": [' + b"1," * 9000 + b"1]}}"),
        safetensors(b'{"__metadata__": {"a": {}}}'),
        safetensors(b'{"__metadata__": {}, "__metadata__": {}}'),
        safetensors(b'{"x": {"dtype": "F32", "dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}'),
        entry(dtype=None),
        entry(dtype="F32\x1b[31m"),
        entry(dtype="F64"),
        entry(shape="23"),
        entry(shape=[2, 4]),
        entry(shape=[-2, -3]),
        entry(shape=[2.0, 3]),
        entry(shape=[True, 6]),
        entry(shape=[2**63, 0], data_offsets=[0, 0]),
        entry(shape=[1] * 65, data_offsets=[0, 4]),
        entry(data_offsets=[0]),
        entry(data_offsets=[24, 0]),
        entry(data_offsets=[1, 25]),
        entry(data_offsets=[-1, 23]),
        entry(data_offsets=[0, 24.0]),
    ],
)
def test_a_malformed_header_of_safetensors_is_damage(data):
    """Each of them in one line."""
    reason(data, "safetensors")


def test_a_name_that_is_there_twice_is_damage():
    """In every format that has names."""
    one = b'"x": {"dtype": "I8", "shape": [0], "data_offsets": [0, 0]}'
    assert "'x'" in reason(safetensors(b"{" + one + b"," + one + b"}"), "safetensors")
    assert "'x'" in reason(gguf(("x", (1,), 0, 0), ("x", (2,), 0, 0)), "gguf")
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zipped([("x.npy", REAL["npy"]), ("x.npy", REAL["npy"])])
    assert "'x'" in reason(twice, "npz")


@pytest.mark.parametrize(
    "data",
    [
        b"\x93NUMPY",
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}", version=0),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}", version=4),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0,)}".ljust(10_001)),
        b"\x93NUMPY\x02\0\xff\xff\xff\xff{",
        npy(""),
        npy("{}"),
        npy("{'descr': '<f4', 'fortran_order': False}"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0,)"),
        npy("('descr': '<f4', 'fortran_order': False, 'shape': (0,)}"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), 'shape': (0,)}"),
        npy("{'descr': '<f4', 'fortran_order': (0,), 'shape': (0,)}"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': True}"),
        npy("{'descr': False, 'fortran_order': False, 'shape': (0,)}"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0,)} + exit()"),
        npy("{'descr': __import__('os'), 'fortran_order': False, 'shape': (0,)}"),
        npy("{'descr': '<f3', 'fortran_order': False, 'shape': (0,)}"),
        npy("{'descr': '<f4\x1b', 'fortran_order': False, 'shape': (0,)}"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2 3,)}", 100),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (,,)}", 100),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}", 7),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9999999999999999999,)}"),
        npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9223372036854775807)}"),
        npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({'1,' * 65})}}", 4),
        npy("{'descr': " + "[" * 9000 + ", 'fortran_order': False, 'shape': (0,)}"),
        npy("{'descr': [" + "] " * 4900),
        npy("{" + " " * 9900),
    ],
)
def test_a_malformed_header_of_npy_is_damage(data):
    """Alone and as a member."""
    reason(data, "npy")
    reason(zipped([("x.npy", data)]), "npz")


@pytest.mark.parametrize(
    "data",
    [
        gguf(version=1),
        gguf(version=0x03000000),
        b"GGML" + gguf()[4:],
        gguf(count=2**64 - 1),
        gguf(count=1, room=0),
        gguf(number_of_pairs=2**64 - 1),
        gguf(number_of_pairs=50_000, room=0),
        gguf(pairs=[pair("", 0, b"\0")] * 100_001),
        gguf(pairs=[pair("x", 13, b"")]),
        gguf(pairs=[pair("x", 8, struct.pack("<Q", 2**64 - 1))]),
        gguf(pairs=[pair("x", 9, struct.pack("<IQ", 8, 2**64 - 1))]),
        gguf(pairs=[pair("x", 9, struct.pack("<IQ", 12, 2**64 - 1))]),
        gguf(pairs=[pair("x", 9, struct.pack("<IQ", 9, 2**64 - 1))]),
        gguf(pairs=[pair("x", 9, struct.pack("<IQ", 9, 1) * 100)]),
        gguf((b"\xff", (1,), 0, 0)),
        gguf(("x", (1,) * 9, 0, 0)),
        gguf(("x", (2**63,), 0, 0)),
        gguf(("x", (2**62,) * 8, 0, 0)),
        gguf(("x", (1,), 0, 2**64 - 1)),
        gguf(("x", (33,), 8, 0)),
        gguf(("x", (), 8, 0)),
        gguf(("x", (400,), 0, 0)),
    ],
)
def test_a_malformed_header_of_gguf_is_damage(data):
    """Counts, lengths and sizes that the file does not have, and versions that are not read."""
    reason(data, "gguf")


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_that_was_cut_off_is_damage(format):
    """At any byte, whether in the header or in the tensors."""
    data = REAL[format]
    end = len(data) - (1024 - 36 if format == "gguf" else 0)  # what is behind the last tensor may be missing
    for length in range(end):
        reason(data[:length], format)


def test_a_bomb_in_a_zip_file_does_not_go_off():
    """Of all that a thousandth unpacks to, only the header is unpacked."""
    count = 2**27
    array = npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({count},)}}")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("x.npy", "w") as member:
        member.write(array)
        for _ in range(count // 2**24):
            member.write(bytes(2**24))
    tracemalloc.start()
    assert read(file.getvalue(), "npz") == (Tensor("x", (count,), "uint8"),)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2**22  # with the modules that are loaded now


def patched(data, signature, offset, number, form="<I"):
    """A zip file whose last record with a signature says something else at one place."""
    at = data.rindex(signature) + offset
    return data[:at] + struct.pack(form, number) + data[at + struct.calcsize(form) :]


@pytest.mark.parametrize(
    ("signature", "offset", "number", "form"),
    [
        (b"PK\x05\x06", 12, 2**32 - 2, "<I"),  # how long the list is
        (b"PK\x05\x06", 16, 2**32 - 2, "<I"),  # where it is
        (b"PK\x05\x06", 16, 5000, "<I"),  # where it is, so that the member would lie before the file
        (b"PK\x01\x02", 20, 2**32 - 2, "<I"),  # how long the packed member is
        (b"PK\x01\x02", 24, 100, "<I"),  # how long it is unpacked
        (b"PK\x01\x02", 42, 2**32 - 2, "<I"),  # where it is
        (b"PK\x01\x02", 6, 255, "<H"),  # which version reads it
        (b"PK\x01\x02", 8, 1, "<H"),  # encrypted
        (b"PK\x01\x02", 10, 99, "<H"),  # packed in a way of its own
        (b"PK\x03\x04", 26, 2**16 - 1, "<H"),  # how long its name is
    ],
)
def test_a_zip_file_that_lies_is_damage(tmp_path, signature, offset, number, form):
    """About lengths, places and methods, in either of the places that say so; in memory and on the disk."""
    data = patched(zipped([("x.npy", saved(numpy.zeros(100)))]), signature, offset, number, form)
    reason(data, "npz")
    path = tmp_path / "model.npz"
    path.write_bytes(data)
    with path.open("rb") as stream, pytest.raises(Damaged):
        tensors(stream, "npz")


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_numpy_never_packs_with_is_not_unpacked(compression):
    """LZMA takes as much memory as a file asks for."""
    data = zipped([("x.npy", REAL["npy"])], compression)
    assert f"method {compression}" in reason(data, "npz")


def test_a_member_whose_name_is_no_text_is_damage():
    """It says to be UTF-8, and is not."""
    reason(zipped([("é.npy", REAL["npy"])]).replace("é".encode(), b"\xff\xff"), "npz")


@pytest.mark.parametrize(
    ("format", "beginning"),
    [
        ("safetensors", struct.pack("<Q", 150_000_000) + b"{}"),
        ("gguf", gguf(pairs=[pair("x", 8, struct.pack("<Q", 150_000_000))], room=0)),
    ],
)
def test_a_header_of_a_hundred_megabytes_is_the_longest(tmp_path, format, beginning):
    """However long the file is; it has holes, so that it takes no room."""
    with (tmp_path / "model").open("w+b") as stream:
        stream.write(beginning)
        stream.truncate(2**40)
        with pytest.raises(Damaged, match="said to have 150,000,"):
            tensors(stream, format)


def test_what_is_no_deflated_stream_is_damage():
    """Garbage, a stream that ends too early, and one that goes on without giving anything."""
    good = zipped([("x.npy", saved(numpy.zeros(100)))])
    begin = 30 + len("x.npy")
    assert "invalid" in reason(good[:begin] + b"\xff" * 20 + good[begin + 20 :], "npz")
    nothing = b"\0\0\0\xff\xff" * 20_000_000  # blocks of no bytes
    data = zipped([("x.npy", nothing)], zipfile.ZIP_STORED)
    for signature, offset in ((b"PK\x01\x02", 10), (b"PK\x03\x04", 8)):
        at = (data.rindex if offset == 10 else data.index)(signature) + offset
        data = data[:at] + struct.pack("<H", zipfile.ZIP_DEFLATED) + data[at + 2 :]
    assert "headers can need" in reason(data, "npz")


@pytest.mark.parametrize(
    ("format", "data"),
    [
        ("safetensors", safetensors(b'{"x": {"shape": [' + b"[]," * 3_000_000 + b"[]]}}")),
        ("safetensors", safetensors(b'{"x": ' * 1_500_000)),
        ("npy", npy(b"{" + b"'descr': []," * 1_000_000, version=2)),
        ("npz", b"PK\x01\x02" + bytes(9_000_000) + struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, 9_000_004, 0, 0)),
        ("gguf", gguf(pairs=[pair("x", 9, struct.pack("<IQ", 9, 700_000) + struct.pack("<IQ", 0, 0) * 700_000)])),
        ("gguf", gguf(pairs=[pair("x", 9, struct.pack("<IQ", 8, 2**40))], room=9_000_000)),
    ],
)
def test_a_hostile_header_needs_little_memory(format, data):
    """Not many times what the file has."""
    tracemalloc.start()
    reason(data, format)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * len(data) + 2**20


# Any bytes

BEGINNINGS = [b"", b"GGUF\x03\0\0\0", b"\x93NUMPY\x01\0\x40\0{'descr': ", b"\x40\0\0\0\0\0\0\0{", b"PK\x05\x06"]
CHANGES = st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=4)


def told(data, format):
    """The tensors, or the damage: nothing else may come of any bytes."""
    try:
        found = read(data, format)
    except Damaged:
        return None
    assert list(found) == sorted(set(found), key=lambda each: each.name)
    for each in found:
        each.name.encode()
        assert each.dtype
        assert all(type(size) is int and size >= 0 for size in each.shape)
    return found


@given(st.sampled_from([*BEGINNINGS, *REAL.values()]), st.binary(max_size=300), st.sampled_from(FORMATS))
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_tensors_or_damage(beginning, rest, format):
    """Whichever format they are said to have."""
    told(beginning + rest, format)


@given(st.sampled_from(FORMATS), CHANGES)
@settings(max_examples=400, deadline=None)
def test_a_real_file_with_other_bytes_is_tensors_or_damage(format, changes):
    """Several of them at once."""
    data = bytearray(REAL[format])
    for at, value in changes:
        data[at % len(data)] = value
    told(bytes(data), format)


@pytest.mark.parametrize("format", FORMATS)
def test_a_real_file_with_any_byte_changed_is_tensors_or_damage(format):
    """Each byte in turn: turned over, least, greatest, and one more."""
    data = REAL[format]
    for at in range(min(len(data), 700)):
        for value in {data[at] ^ 0x80, 0, 255, (data[at] + 1) % 256}:
            told(data[:at] + bytes([value]) + data[at + 1 :], format)


header = st.dictionaries(
    st.text(max_size=5),
    st.fixed_dictionaries(
        {},
        optional={
            "dtype": st.sampled_from(["F32", "I8", "NEW", 1, None]),
            "shape": st.lists(st.integers(-1, 4) | st.floats() | st.none(), max_size=3) | st.text(max_size=2),
            "data_offsets": st.lists(st.integers(-1, 40), max_size=3) | st.none(),
        },
    ),
    max_size=3,
)


@given(header, st.integers(0, 64))
@settings(max_examples=300, deadline=None)
def test_whatever_the_library_of_safetensors_reads_is_read_alike(header, room):
    """Where it refuses a file, we may still read it: it also wants the tensors to lie side by side."""
    data = safetensors(header, room)
    ours = told(data, "safetensors")
    try:
        theirs = deserialize(data)
    except SafetensorError:
        return
    assert ours is not None
    assert [(each.name, list(each.shape)) for each in ours] == sorted((name, each["shape"]) for name, each in theirs)
