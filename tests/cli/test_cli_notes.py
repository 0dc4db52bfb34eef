"""What became known of a version later: notes, whose numbers are read together with the record; and withdrawal."""

from __future__ import annotations

import json

import pytest
from worlds import World, sha256


def ids(world: World) -> list[str]:
    """The ids of the versions of fraud, oldest first."""
    return [line["version"] for line in reversed(world.json("list", "fraud")["versions"])]


def test_what_note_answers(fraud: World) -> None:
    """`note`: op, model, version, kind, note, date, metrics, message, commit; one commit with one file."""
    newest = ids(fraud)[-1]
    fraud.write("february.csv", "1,2\n")
    words = ("--metric", "f1=0.7", "--data", "february.csv", "--meta", "ticket=ML-7", "-m", "the test set of February")
    answer = fraud.json("note", "fraud", *words)
    name = answer["note"]
    assert answer == {
        "op": "note",
        "model": "fraud",
        "version": newest,
        "kind": "evaluation",
        "note": name,
        "date": answer["date"],
        "metrics": {"f1": 0.7},
        "message": "the test set of February",
        "commit": fraud.git("rev-parse", "HEAD").strip(),
    }
    path = f".modelver/models/fraud/notes/202401/01/{newest}/{name}.yaml"
    assert fraud.git("show", "--name-only", "--format=%s").split("\n") == [
        f"modelver: note fraud {newest} with evaluation",
        "",
        path,
        "",
    ]
    record = fraud.record(path)
    assert f"digest: sha256:{sha256('1,2' + chr(10))}" in record
    assert "relation: evaluated-on" in record
    assert name[15:] == sha256(record)[:8]
    fraud.assert_sound()
    assert fraud.json("verify")["problems"] == []


def test_record_and_notes_are_read_together(fraud: World) -> None:
    """`show`, `list`, `diff` and gates: the record's number yields only to a note that names its own data."""
    newest = ids(fraud)[-1]
    fraud.write("february.csv", "1,2\n")
    first = fraud.json("note", newest, "--metric", "auc=0.1", "--metric", "f1=0.7")["note"]
    shown = fraud.json("show", newest)
    assert shown["metrics"] == {"auc": 0.83, "f1": 0.7}
    assert shown["sources"] == {"auc": "record", "f1": first}
    second = fraud.json("note", newest, "--metric", "auc=0.5", "--data", "february.csv")["note"]
    shown = fraud.json("show", newest)
    assert (shown["metrics"]["auc"], shown["sources"]["auc"]) == (0.5, second)
    assert [(each["name"], each["kind"], each["metrics"]) for each in shown["notes"]] == [
        (first, "evaluation", {"auc": 0.1, "f1": 0.7}),
        (second, "evaluation", {"auc": 0.5}),
    ]
    assert fraud.json("list", "fraud")["versions"][0]["metrics"] == {"auc": 0.5, "f1": 0.7}
    answer = fraud.json("diff", "fraud~1", "fraud")
    assert answer["metrics"]["auc"]["b"] == 0.5
    assert answer["metrics"]["auc"]["sources"] == {"a": "record", "b": second}
    assert fraud.cli("promote", "fraud", "production", "--require", "auc > 0.8", code=1)
    gate = fraud.json("promote", "fraud", "production", "--require", "f1 > 0.6")["gates"][0]
    assert gate["found"] == f"f1 is 0.7 (note {first})"
    told = fraud.cli("show", newest).out
    assert f"0.5  (note {second}, instead of 0.83)" in " ".join(told.split("metric auc")[1].split("\n")[0].split(" "))


def test_the_same_note_again_is_nothing_new(fraud: World) -> None:
    """C2: asking for what already is writes nothing; other words are another note."""
    one = fraud.json("note", "fraud", "-m", "looks good")
    assert one["kind"] == "comment"
    before = fraud.git("rev-parse", "HEAD")
    assert fraud.json("note", "fraud", "-m", "looks good") == one
    assert fraud.git("rev-parse", "HEAD") == before
    assert fraud.json("note", "fraud", "-m", "looks good", "--kind", "approval")["note"] != one["note"]


def test_the_later_note_counts(fraud: World) -> None:
    """Notes: also where two are made within a second."""
    with fraud.registry as registry:
        for number in range(5):
            registry.note("fraud", metrics={"f1": number / 10})
            assert registry.show("fraud").metrics["f1"] == number / 10
    assert fraud.json("verify")["problems"] == []


def test_a_note_that_changes_nothing_says_so(fraud: World) -> None:
    """Notes: what the record says stays, and the way to override it is named."""
    ran = fraud.cli("note", "fraud", "--metric", "auc=0.5")
    assert "note: auc stays 0.83, which the record says; --data names data of the note's own\n" in ran.err
    assert "stays" not in fraud.cli("note", "fraud", "--metric", "auc=0.5", "--data", "README.md").err
    fraud.cli("note", "fraud", "--kind", "approval")
    fraud.cli("note", "fraud", "--kind", "comment", code=2)


def test_a_yanked_holder_is_told(fraud: World) -> None:
    """Yank: also where it is compared with because it holds a stage."""
    first = ids(fraud)[0]
    fraud.cli("promote", first, "production")
    fraud.cli("note", first, "--kind", "yank")
    assert f"note: {first} is yanked\n" in fraud.cli("diff", "fraud").err
    assert (
        f"note: {first} is yanked\n"
        in fraud.cli("promote", "fraud", "production", "--if-better", "--metric", "auc").err
    )


def test_a_yanked_version_is_passed_over(fraud: World) -> None:
    """Yank: MODEL, MODEL~N, highest and ranges skip it; its exact name finds it, with a warning."""
    first, second, third = ids(fraud)
    with fraud.registry as registry:
        registry.tag(second, "1.0.0")
        registry.tag(third, "1.1.0")
    fraud.cli("note", "fraud@1.1.0", "--kind", "yank", "-m", "trained on leaked labels")
    for ref in ("fraud", "fraud@latest", "fraud@highest", "fraud@^1.0"):
        assert fraud.json("show", ref)["version"] == second, ref
    assert fraud.json("show", "fraud~1")["version"] == first
    for ref in ("fraud@1.1.0", third, third[-8:]):
        ran = fraud.cli("show", ref)
        assert f"note: {third} is yanked: trained on leaked labels\n" in ran.err
        assert "yanked" in ran.out
    warned = fraud.cli("promote", "fraud@1.1.0", "canary")
    assert f"note: {third} is yanked: trained on leaked labels\n" in warned.err
    assert "is yanked" not in fraud.cli("show", second).err
    assert fraud.json("show", third)["yanked"] is True
    assert [line["yanked"] for line in fraud.json("list", "fraud")["versions"]] == [True, False, False]
    assert fraud.json("list")["models"][0]["latest"] == second
    again = fraud.git("rev-parse", "HEAD")
    fraud.cli("note", third, "--kind", "yank", "-m", "trained on leaked labels")
    assert fraud.git("rev-parse", "HEAD") == again


def test_notes_are_events_of_the_log(fraud: World) -> None:
    """`log`: with their kind and their commit."""
    noted = fraud.json("note", "fraud", "--kind", "approval", "-m", "risk team")
    event = fraud.json("log", "fraud", "--limit", "1")["events"][0]
    assert (event["op"], event["kind"], event["message"]) == ("note", "approval", "risk team")
    assert event["commit"] == noted["commit"]
    assert "note approval" in fraud.cli("log", "fraud").out


def test_notes_on_two_branches_merge(fraud: World) -> None:
    """S2: one file a note, so no two conflict."""
    fraud.git("branch", "other")
    fraud.cli("note", "fraud", "--metric", "f1=0.5")
    fraud.git("switch", "-q", "other")
    fraud.cli("note", "fraud", "--metric", "recall=0.6")
    fraud.git("merge", "-q", "-m", "both", "main")
    assert fraud.json("show", "fraud")["metrics"] == {"auc": 0.83, "f1": 0.5, "recall": 0.6}
    assert fraud.json("verify")["problems"] == []


def test_a_note_that_hangs_in_the_air_is_named(fraud: World) -> None:
    """`verify`: on a version that is not here, or malformed."""
    fraud.cli("note", "fraud", "-m", "fine")
    (path,) = fraud.git("ls-files", ".modelver/models/fraud/notes").split()
    text = (fraud / path).read_text()
    gone = "v20230101000000_00000000"
    elsewhere = f".modelver/models/fraud/notes/202301/01/{gone}/20230101000000_aaaaaaaa.yaml"
    fraud.commit({elsewhere: text.replace(ids(fraud)[-1], gone)})
    (problem,) = fraud.json("verify", code=1)["problems"]
    assert (problem["kind"], problem["version"], problem["path"]) == ("note", gone, elsewhere)
    fraud.commit({elsewhere: text.replace("kind: comment", "kind: [a]")})
    assert fraud.json("verify", code=5)["problems"][0]["kind"] == "record"


def test_known_bytes_with_other_metrics_point_to_note(fraud: World) -> None:
    """`add`: what brings only new metrics is registered, and told of `note`; what brings more is not."""
    first, _, newest = ids(fraud)
    ran = fraud.cli("add", "model.bin", "-n", "fraud", "--metric", "auc=0.9")
    assert f"note: {newest} has these bytes; `modelver note {newest} --metric K=V`" in ran.err
    ran = fraud.cli("add", "model.bin", "-n", "fraud", "--metric", "auc=0.95", "--param", "lr=1")
    assert "modelver note" not in ran.err
    fraud.write("model.bin", "fraud 1")
    ran = fraud.cli("add", "model.bin", "-n", "fraud", "--metric", "auc=0.95")
    assert f"note: {first} has these bytes; `modelver note {first} --metric K=V`" in ran.err


def test_many_notes_are_read_by_the_cache(fraud: World) -> None:
    """S: as many as a year of evaluations brings; the answers do not change with the cache."""
    newest = ids(fraud)[-1]
    with fraud.registry as registry:
        for number in range(3):
            registry.note("fraud", metrics={"f1": number / 10}, message=str(number))
    (one, *_) = fraud.git("ls-files", ".modelver/models/fraud/notes").split()
    text = (fraud / one).read_text()
    folder = one.rpartition("/")[0]
    day = {f"{folder}/20240201{number:06}_abcdef01.yaml": text for number in range(80)}
    fraud.commit(day)
    answers = [fraud.json("show", newest) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len(answers[0]["notes"]) == 83
    assert (fraud.home / "cache").exists()


@pytest.mark.parametrize("words", [("-m", "\u202e<b>x</b>\x1b[31m"), ("--meta", "k=\x1b]0;x\x07")])
def test_notes_of_others_reach_no_terminal_raw(fraud: World, words: tuple[str, ...]) -> None:
    """Safe: whatever is noted, nothing of it acts."""
    fraud.cli("note", "fraud", *words)
    for command in (("show", "fraud"), ("log",), ("show", "fraud", "--json")):
        ran = fraud.cli(*command)
        assert "\x1b" not in ran.out
        assert "\u202e" not in ran.out
    assert json.loads(fraud.cli("show", "fraud", "--json").out)["notes"]
