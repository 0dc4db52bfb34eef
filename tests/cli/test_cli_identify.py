"""`identify`: which version is this file, where does it stand, and who put it there."""

from __future__ import annotations

import pytest
from worlds import World, sha256


def ids(world: World) -> list[str]:
    """The ids of the versions of fraud, oldest first."""
    return [line["version"] for line in reversed(world.json("list", "fraud")["versions"])]


def test_what_identify_answers(fraud: World) -> None:
    """`identify`: version, model, hash, labels, stages now and before, promotions, others."""
    first, _, third = ids(fraud)
    with fraud.registry as registry:
        registry.tag(third, "1.0.0")
        registry.promote(first, "production", message="the first")
        registry.promote(third, "production")
        registry.promote(third, "canary")
        registry.demote("fraud", "canary")
    answer = fraud.json("identify", "model.bin")
    promotions = answer.pop("promotions")
    assert answer == {
        "version": third,
        "model": "fraud",
        "hash": sha256("fraud 3"),
        "labels": ["1.0.0"],
        "stages": ["production"],
        "former_stages": ["canary"],
        "others": [],
    }
    assert [(each["stage"], each["op"], each["number"]) for each in promotions] == [
        ("canary", "promote", 1),
        ("production", "promote", 2),
    ]
    assert promotions[0].keys() == {"stage", "op", "date", "author", "message", "number"}
    old = fraud.json("identify", sha256("fraud 1"))
    assert (old["version"], old["stages"], old["former_stages"]) == (first, [], ["production"])
    assert old["promotions"][0]["message"] == "the first"
    fraud.write("elsewhere/copy.bin", "fraud 2")
    assert fraud.json("identify", "elsewhere/copy.bin")["version"] == ids(fraud)[1]
    assert f"  promote to production, {promotions[1]['date'][:10]}" in fraud.cli("identify", "model.bin").out


def test_the_newest_of_several_comes_first(fraud: World) -> None:
    """`identify`: one set of bytes may be several versions, of several models."""
    other = fraud.add("fraud 3", "churn", "churn.bin")
    again = fraud.add("fraud 3", "fraud", "model.bin", metrics={"auc": 0.99})
    answer = fraud.json("identify", "churn.bin")
    assert answer["version"] == again.version
    assert answer["others"] == [f"churn@{other.version}", f"fraud@{ids(fraud)[2]}"]


@pytest.mark.parametrize("prefix", ["", "sha256:"])
def test_a_digest_in_any_form(fraud: World, prefix: str) -> None:
    """`identify`: as sha256sum prints it, as records write it, in capitals."""
    assert fraud.json("identify", prefix + sha256("fraud 1").upper())["version"] == ids(fraud)[0]


def test_a_directory_and_a_branch_that_was_never_merged(fraud: World) -> None:
    """`identify`: directories by their manifest; versions that only their tag knows."""
    fraud.git("switch", "-q", "-c", "other")
    fraud.write("net/a.bin", "a")
    version = fraud.json("add", "net", "-n", "net")["version"]
    fraud.git("switch", "-q", "main")
    assert fraud.json("identify", "net")["version"] == version


def test_what_nobody_knows(fraud: World) -> None:
    """`identify`: exit 3, with files of a like name; exit 2 for what is neither there nor a digest."""
    fraud.write("downloads/model.bin", "edited")
    error = fraud.cli("--json", "identify", "downloads/model.bin", code=3).error
    assert error["hint"] == f"model.bin is another file: modelver diff fraud@{ids(fraud)[2]} ./downloads/model.bin"
    assert fraud.cli("--json", "identify", "0" * 64, code=3).error["code"] == 3
    fraud.cli("identify", "nothing.bin", code=2)
    before = fraud.everything(but=[".git/modelver/cache"])
    fraud.cli("identify", "downloads/model.bin", code=3)
    assert fraud.everything(but=[".git/modelver/cache"]) == before
