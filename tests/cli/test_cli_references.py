"""References resolve by records that were made by hand, and an error marks the part that is wrong (rules R1, B4)."""

from __future__ import annotations

import byhand
import pytest
from worlds import World

from modelver.errors import NotFound


@pytest.fixture
def staged(fraud: World) -> World:
    """Six versions of `fraud`, labels, and stages with a history; `numbers` holds the ids, oldest first."""
    fraud.versions(3)
    with fraud.registry as registry:
        ids = [line.version for line in reversed(registry.versions("fraud").versions)]
    for name, number in {"1.0.0": 0, "1.2.0": 1, "1.10.0": 2, "2.0.0-rc.1": 3, "nightly": 4, "0.9.0": 5}.items():
        byhand.label(fraud, name, ids[number])
    byhand.stage(
        fraud,
        "production",
        ("promote", ids[4]),
        ("rollback", ids[1]),
        ("promote", ids[3]),
        ("promote", ids[1]),
        ("promote", ids[0]),
    )
    byhand.stage(fraud, "canary", ("demote", None), ("promote", ids[2]))
    return fraud


def ids_of(world: World) -> list[str]:
    """All ids of `fraud`, oldest first."""
    with world.registry as registry:
        return [line.version for line in reversed(registry.versions("fraud").versions)]


def meant(world: World, *refs: str) -> list[int]:
    """Which versions the references mean, by their place among all, counted from 0."""
    ids = ids_of(world)
    with world.registry as registry:
        return [ids.index(registry.show(ref).record.version) for ref in refs]


def test_every_form_means_its_version(staged: World) -> None:
    """R1: model, latest, highest, label with and without `v`, ranges, stage, steps back; capitals are folded."""
    forms = {
        "fraud": 5,
        "fraud@latest": 5,
        "FRAUD": 5,
        "fraud~1": 4,
        "fraud~~": 3,
        "fraud@latest~5": 0,
        "fraud@highest": 2,
        "fraud@1.2.0": 1,
        "fraud@v1.2.0": 1,
        "fraud@nightly": 4,
        "fraud@^1.2": 2,
        "fraud@~1.2.0": 1,
        "fraud@^0.9": 5,
        "fraud@production": 4,
        "Fraud@Production": 4,
        "fraud@production~1": 1,
        "fraud@production~2": 0,
        "fraud#production#1": 0,
        "fraud#production#2": 1,
        "fraud#production#3": 3,
        "fraud#production#5": 4,
        "fraud#production!#3": 1,
        "fraud#canary#1": 2,
        "fraud#canary!#2": 2,
    }
    assert dict(zip(forms, meant(staged, *forms), strict=True)) == forms


def test_ids_and_their_beginnings(staged: World) -> None:
    """R1: an exact id, the beginning of one, its hexadecimal part or the beginning of that, alone and after `@`."""
    version = ids_of(staged)[2]
    digits = version.rpartition("_")[2]
    forms = [version, version.upper(), version[:17], digits, digits[:4], digits[:6].upper()]
    assert set(meant(staged, *forms, *(f"fraud@{form}" for form in forms))) == {2}
    assert staged.json("show", version[:17])["version"] == version


def test_the_program_takes_them_all(staged: World) -> None:
    """R1: `show`, `path`, `cat` and `checkout` take every kind of reference; labels and stages stand in the answer."""
    shown = staged.json("show", "fraud@production")
    assert (shown["stages"], shown["labels"], shown["state"]) == (["production"], ["nightly"], "staged")
    assert staged.cli("cat", "fraud@v1.2.0").out == "fraud 2"
    assert staged.cli("path", "fraud#production#3").out.strip().endswith(staged.json("show", "fraud~2")["hash"][2:])
    staged.cli("checkout", "fraud@production~1", "-o", "out.bin")
    assert (staged / "out.bin").read_text() == "fraud 2"


def test_archived_and_yanked_versions_are_skipped(staged: World) -> None:
    """R1, S2: not counted by latest, `~N`, highest and ranges, but found by label and id; a held stage wins."""
    ids = ids_of(staged)
    byhand.archive(staged, ids[5])
    byhand.note(staged, ids[2], "yank")
    byhand.archive(staged, ids[4])
    forms = {"fraud": 4, "fraud~1": 3, "fraud~2": 1, "fraud@highest": 1, "fraud@^1.2": 1, "fraud@1.10.0": 2, ids[5]: 5}
    assert dict(zip(forms, meant(staged, *forms), strict=True)) == forms
    listed = staged.json("list", "fraud")["versions"]
    assert [line["state"] for line in listed][:2] == ["archived", "staged"]
    assert staged.json("list")["models"][0]["latest"] == ids[4]
    byhand.archive(staged, ids[5], state="restored")
    assert meant(staged, "fraud") == [5]


def test_a_pre_release_only_where_there_is_nothing_else(staged: World) -> None:
    """R1: `@highest` is a release while there is one, else the highest pre-release."""
    ids = ids_of(staged)
    for number in (0, 1, 2, 5):
        byhand.archive(staged, ids[number])
    assert meant(staged, "fraud@highest") == [3]


def test_a_tag_names_a_version_whose_record_is_not_here(staged: World) -> None:
    """R1, I4: the tags of a label and of a promotion work where no record tells of them, as in a CI job's checkout."""
    version = ids_of(staged)[1]
    for name in ("fraud@v3.0.0", "fraud#qa#7", "fraud@sunday"):
        staged.git("tag", "-a", "-m", name, name, f"{version}^{{commit}}")
    staged.git("checkout", "-q", "--detach", f"{version}^{{commit}}")
    forms = ("fraud#qa#7", "fraud@v3.0.0", "fraud@sunday")
    with staged.registry as registry:
        assert {registry.show(form).record.version for form in forms} == {version}
    assert staged.json("show", "fraud#qa#7")["version"] == version


def test_stages_come_before_labels_and_both_before_ids(staged: World) -> None:
    """R1: after `@`: stage, then label, then id; alone: the model before a beginning of an id."""
    ids = ids_of(staged)
    prefix = ids[0].rpartition("_")[2][:4]
    byhand.stage(staged, "twice", ("promote", ids[3]))
    byhand.label(staged, "twice", ids[0])
    byhand.label(staged, prefix, ids[5])
    assert meant(staged, "fraud@twice", f"fraud@{prefix}") == [3, 5]
    staged.add("other bytes", prefix, "other.bin")
    with staged.registry as registry:
        assert registry.show(prefix).record.model == prefix
        assert registry.show(f"{prefix}~0").record.model == prefix


WRONG = [
    # reference, exit code, the part that is marked, words of the message, words of the hint
    ("farud", 3, "farud", "no model", "did you mean fraud?"),
    ("fraud@prodution", 3, "prodution", "no stage and no label", "fraud@production"),
    ("fraud@1.3.0", 3, "1.3.0", "no stage and no label 1.3.0", "fraud@"),
    ("fraud@^3", 3, "^3", "no label in", "modelver list fraud"),
    ("fraud~9", 3, "~9", "6 versions", "modelver list fraud"),
    ("fraud@canary", 3, "canary", "no version of fraud holds canary", "modelver promote fraud canary"),
    ("fraud@production~7", 3, "~7", "2 former holders", "modelver log fraud"),
    ("fraud#production#9", 3, "production#9", "no change 9", "modelver log fraud"),
    ("v2024", 3, "v2024", "6 versions answer", "fraud@v2024"),
    ("fraud@v20240101", 3, "v20240101", "6 versions answer", "fraud@v2024"),
    ("deadbeef", 3, "deadbeef", "deadbeef", "modelver list"),
    ("", 2, "", "nothing", "modelver list"),
    ("fr aud", 2, " ", "' '", ""),
    ("fraud@", 2, "", "expected a stage", ""),
    ("fraud@1.2.0~1", 2, "~1", "'~' counts back", ""),
    ("fraud@pro duction", 2, " ", "neither a stage", ""),
    ("fraud@>=1", 2, ">", "neither a stage", "^1.2"),
    ("fraud@^x", 2, "^x", "no range", "^1.2"),
    ("fraud#production#x", 2, "x", "number of a change", ""),
    ("fraud#production", 2, "#production", "MODEL#STAGE#NUMBER", ""),
    ("./model.bin", 2, "./model.bin", "is a file", "modelver list"),
    ("fraud\x1b[31m@latest", 2, "\\x1b[", "\\x1b", ""),
]


@pytest.mark.parametrize(("ref", "code", "part", "words", "hint"), WRONG, ids=[each[0] for each in WRONG])
def test_an_error_marks_the_wrong_part(
    staged_once: World, ref: str, code: int, part: str, words: str, hint: str
) -> None:
    """R1: one line of error, the text as typed, `^` under the wrong part, a proposal; exit 2 or 3."""
    error, text, mark, *hints = staged_once.cli("show", "--", ref, code=code).err.splitlines()
    assert error.startswith("error: ")
    assert words in error
    assert text == "  " + ref.replace("\x1b", "\\x1b")
    assert set(mark) <= {" ", "^"}
    assert text[mark.index("^") : len(mark)] == part
    assert all(each.startswith("hint: ") for each in hints)
    assert hint in "\n".join(hints)


@pytest.fixture(scope="module")
def staged_once(tmp_path_factory: pytest.TempPathFactory, worlds) -> World:  # type: ignore[no-untyped-def]
    """The same for all that only read."""
    return staged.__wrapped__(worlds.make(tmp_path_factory.mktemp("staged") / "repo", "fraud"))  # type: ignore[attr-defined]


def test_an_ambiguous_beginning_lists_the_candidates(staged_once: World) -> None:
    """R1: exit 3, and each candidate is a hint that can be typed as it stands."""
    hints = staged_once.cli("show", "v2024", "--json", code=3).error["hint"].splitlines()
    assert hints == [f"fraud@{version}" for version in ids_of(staged_once)]
    assert meant(staged_once, *hints) == list(range(6))


def test_the_json_error_has_text_and_mark(staged_once: World) -> None:
    """R1: with `--json` the error carries the text and the range that is marked."""
    error = staged_once.cli("show", "fraud@prodution", "--json", code=3).error
    assert (error["text"], error["mark"], error["code"]) == ("fraud@prodution", [6, 15], 3)


def test_an_id_of_two_models_needs_the_model(fraud: World) -> None:
    """I2, R1: one id for two models: alone it is ambiguous, exit 3; `MODEL@ID` names one; `verify` says so, exit 1."""
    version = ids_of(fraud)[0]
    text = fraud.record(byhand.version_path(version)).replace("model: fraud", "model: twin")
    fraud.commit({byhand.version_path(version, "twin"): text})
    assert set(fraud.cli("show", version, "--json", code=3).error["hint"].splitlines()) == {
        f"fraud@{version}",
        f"twin@{version}",
    }
    assert fraud.json("show", f"fraud@{version}")["model"] == "fraud"
    problems = fraud.json("verify", code=1)["problems"]
    assert [(problem["kind"], problem["version"]) for problem in problems] == [("id", version)]
    with fraud.registry as registry, pytest.raises(NotFound):
        registry.cat(version)
