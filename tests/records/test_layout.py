"""Where records lie (the State section of the format)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.records import layout
from modelver.records.layout import ArchiveFile, CardFile, ConfigFile, LabelFile, NoteFile, StageFile, VersionFile

ID = "v20240101120000_abcd1234"
PLACES = [
    (ConfigFile(), ".modelver/config.yaml"),
    (CardFile("nlp/sentiment"), ".modelver/models/nlp/sentiment/model.yaml"),
    (CardFile("model"), ".modelver/models/model/model.yaml"),
    (VersionFile("fraud", ID), f".modelver/models/fraud/versions/202401/01/{ID}.yaml"),
    (VersionFile("nlp/sentiment", ID), f".modelver/models/nlp/sentiment/versions/202401/01/{ID}.yaml"),
    (LabelFile("fraud", "1.2.0"), ".modelver/models/fraud/tags/1.2.0.yaml"),
    (LabelFile("fraud", "archived"), ".modelver/models/fraud/tags/archived.yaml"),
    (StageFile("fraud", "production"), ".modelver/models/fraud/stages/production.yaml"),
    (StageFile("fraud", "tags"), ".modelver/models/fraud/stages/tags.yaml"),
    (ArchiveFile("fraud", ID), f".modelver/models/fraud/archived/202401/01/{ID}.yaml"),
    (
        NoteFile("fraud", ID, "20240301090000_0a1b2c3d"),
        f".modelver/models/fraud/notes/202401/01/{ID}/20240301090000_0a1b2c3d.yaml",
    ),
]


@pytest.mark.parametrize(("location", "path"), PLACES)
def test_a_record_has_one_place(location, path):
    """S2: a record's path tells what it is of, and the other way round, for nested models too."""
    assert layout.path_of(location) == path
    assert layout.parse_path(path) == location


@pytest.mark.parametrize(
    "path",
    [
        "",
        "train.py",
        "config.yaml",
        "/.modelver/config.yaml",
        ".modelver/.gitignore",
        ".modelver/models/model.yaml",
        ".modelver/models/fraud/other.yaml",
        f".modelver/models/versions/202401/01/{ID}.yaml",
        f".modelver/models/fraud/versions/{ID}.yaml",
        f".modelver/models/fraud/versions/202402/01/{ID}.yaml",
        f".modelver/models/fraud/versions/202401/01/{ID}.yml",
        ".modelver/models/fraud/versions/202401/01/other.yaml",
        f".modelver/models/Fraud/versions/202401/01/{ID}.yaml",
        f".modelver/models/fraud//versions/202401/01/{ID}.yaml",
        f".modelver/models/fraud/x/../versions/202401/01/{ID}.yaml",
        f".modelver/models/fraud/notes/202401/01/{ID}.yaml",
        f".modelver/models/fraud/notes/202401/01/{ID}/...yaml",
        ".modelver/models/fraud/tags/v1.2.0.yaml",
        ".modelver/models/fraud/tags/latest.yaml",
        ".modelver/models/fraud/tags/a/b.yaml",
        ".modelver/models/fraud/stages/development.yaml",
        ".modelver/models/fraud/tags/.yaml",
        ".modelver/lineage/data/x.yaml",
    ],
)
def test_other_files_are_no_records(path):
    """S2: a path that is not exactly a record's is none of ours."""
    assert layout.parse_path(path) is None


@given(st.text(st.sampled_from("./avtgsnoe0_") | st.characters(), max_size=40))
def test_any_path_is_parsed_without_an_error(tail):
    """S2: whatever stands in a tree, the parser answers."""
    location = layout.parse_path(".modelver/models/" + tail + ".yaml")
    assert location is None or layout.path_of(location) == ".modelver/models/" + tail + ".yaml"
