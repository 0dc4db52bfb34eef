"""The format of a file, from its bytes."""

from __future__ import annotations

import json
import os
import pickle
import struct
import zipfile

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from modelver.storage.formats import identify
from modelver.storage.formats.identification import _name

OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."


def zipped(path, *names, padding=0):
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, b"x" * padding)


def test_files_of_real_writers_are_known(tmp_path):
    """By what their own libraries wrote, not by the suffix."""
    arrays = {"weight": numpy.ones((2, 3), dtype=numpy.float32)}
    save_file(arrays, tmp_path / "safetensors")
    with (tmp_path / "npy").open("wb") as file:
        numpy.save(file, arrays["weight"])
    with (tmp_path / "npz").open("wb") as file:
        numpy.savez(file, **arrays)
    for protocol in range(2, 6):
        (tmp_path / "pickle").write_bytes(pickle.dumps({"a": 1}, protocol))
        assert identify(tmp_path / "pickle") == "pickle"
    (tmp_path / "json").write_text(json.dumps(list(range(5))))
    for name in ("safetensors", "npy", "npz", "json"):
        assert identify(tmp_path / name) == name


@pytest.mark.parametrize(
    ("names", "suffix", "expected"),
    [
        (["archive/data.pkl", "archive/version", "archive/data/0"], ".pt", "torch"),
        (["model/code/x.py", "model/data.pkl", "model/constants.pkl"], ".bin", "torch"),
        (["metadata.json", "config.json", "model.weights.h5"], ".keras", "keras"),
        (["metadata.json", "config.json", "model.weights.h5"], ".zip", "keras"),
        (["a.npy", "b.npy"], ".npz", "npz"),
        (["readme.txt", "a.npy"], ".zip", "zip"),
        ([], ".zip", "zip"),
    ],
)
def test_a_zip_file_is_told_by_its_members(tmp_path, names, suffix, expected):
    """Also when the telling member is only in the list at the end."""
    for padding in (0, 5000):
        path = tmp_path / f"model{padding}{suffix}"
        zipped(path, *names, padding=padding)
        assert identify(path) == expected


@pytest.mark.parametrize(
    ("data", "suffix", "expected"),
    [
        (b"GGUF\x03\0\0\0", ".bin", "gguf"),
        (b"\x89HDF\r\n\x1a\n", ".h5", "hdf5"),
        (b"\x89HDF\r\n\x1a\n", ".keras", "keras"),
        (b"\x1c\0\0\0TFL3", ".tflite", "tflite"),
        (b"PAR1\x15", "", "parquet"),
        (b"\x08\x08\x12\x07pytorch", ".onnx", "onnx"),
        (b"\x08\x08\x12\x07pytorch", ".bin", None),
        (OLD_TORCH, ".pth", "torch"),
        (b"\x80\x04\x95\x10", ".joblib", "joblib"),
        (b"\x78\x9c\x00", ".joblib", "joblib"),
        (b"\x1f\x8b\x08\0", ".joblib", "joblib"),
        (b"\x1f\x8b\x08\0", ".gz", "gzip"),
        (b"(dp0\n.", ".pkl", "pickle"),
        (b'{"a": 1}', "", "json"),
        (b'{"a": ' + b" " * 5000 + b"1}", "", "json"),
        (b"{not json", ".txt", None),
        (b"[" * 4000, ".bin", None),
        (b"hello", ".txt", None),
        (b"", ".safetensors", None),
        (struct.pack("<Q", 1000) + b"{}", ".safetensors", None),
        (struct.pack("<Q", 2**63) + b"{}", ".safetensors", None),
    ],
)
def test_formats_by_their_first_bytes(tmp_path, data, suffix, expected):
    """A suffix decides only where the bytes leave it open."""
    path = tmp_path / f"model{suffix}"
    path.write_bytes(data)
    assert identify(path) == expected


def test_what_is_no_regular_file_has_no_format(tmp_path):
    """None, and nobody waits for a pipe."""
    os.mkfifo(tmp_path / "pipe")
    assert identify(tmp_path / "pipe") is None
    assert identify(tmp_path) is None


BEGINNINGS = [b"", b"PK\x03\x04", b"PK\x05\x06", b"\x80\x04", b"{", b"GGUF", b"\x93NUMPY", b"\x10\0\0\0\0\0\0\0{"]


@given(st.sampled_from(BEGINNINGS), st.binary(max_size=200), st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_bytes_have_a_format_or_none(beginning, head, tail):
    """Hostile bytes are no error."""
    for suffix in ("", ".joblib", ".onnx", ".json", ".pkl", ".keras"):
        found = _name(beginning + head, tail, 10_000, suffix)
        assert found is None or found.isalnum()
