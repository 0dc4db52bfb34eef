"""The REF grammar and what it resolves to (rule R1)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelver.domain.records import StageEntry, StagePointer
from modelver.domain.references import (
    Alone,
    Event,
    File,
    Highest,
    Identified,
    InRange,
    Named,
    Newest,
    Reference,
    parse,
    split_path,
)
from modelver.domain.resolution import Resolved, resolve
from modelver.domain.semver import read_range
from modelver.errors import ModelverError, NotFound, UsageError

ONE = "v20240101120000_abcd1234"
TWO = "v20240102090000_11aa22bb"
THREE = "v20240103090000_11aa33cc"
FOUR = "v20240104090000_44dd44dd"
TWIN = "v20240109090000_99999999"
GONE = "v20231224080000_5555eeee"
NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)


def entry(number: int, op: str, version: str | None, *, withdrawn: bool = False) -> StageEntry:
    return StageEntry(number=number, op=op, version=version, at=NOON, by="Name <mail>", withdrawn=withdrawn)


class World:
    """A view on a small registry: `fraud` with four versions, the third archived; two models that share an id."""

    def __init__(self) -> None:
        self.ids = {
            "fraud": [ONE, TWO, THREE, FOUR],
            "nlp/sentiment": [TWIN],
            "churn": [TWIN],
            "beef": ["v20240201000000_00000000"],
        }
        self.archived = {"fraud": {THREE}}
        self.named_labels = {
            "fraud": {
                "1.2.0": ONE,
                "1.3.0-rc.1": TWO,
                "2.0.0": THREE,
                "nightly": FOUR,
                "abcd": FOUR,
                "3.0.0-rc.1": FOUR,
            },
            "churn": {"0.1.0-rc.1": TWIN},
        }
        history = (entry(3, "promote", FOUR), entry(2, "promote", TWO), entry(1, "promote", ONE))
        free = (entry(2, "demote", None), entry(1, "promote", ONE))
        self.pointers = {
            ("fraud", "production"): StagePointer(
                model="fraud", stage="production", version=FOUR, number=3, history=history
            ),
            ("fraud", "staging"): StagePointer(model="fraud", stage="staging", version=None, number=2, history=free),
        }
        self.tags = {"fraud@v9.9.9": TWO, "gone@v1.0.0": GONE, "gone#production#1": GONE, "fraud#production#7": TWO}
        self.only_tagged = [(GONE, "gone")]

    def models(self):
        return list(self.ids)

    def versions(self, model):
        return self.ids[model]

    def retired(self, model):
        return self.archived.get(model, set())

    def labels(self, model):
        return self.named_labels.get(model, {})

    def stage(self, model, name):
        return self.pointers.get((model, name))

    def stages(self, model):
        return {"production", "staging", "canary"} if model == "fraud" else set()

    def tagged(self, prefix):
        return [pair for pair in self.only_tagged if pair[0].startswith(prefix) or pair[0][16:].startswith(prefix)]

    def named(self, tag):
        return self.tags.get(tag)


def found(text: str) -> str:
    resolved = resolve(parse(text), World())
    return f"{resolved.model}@{resolved.version}"


def outcome(function, *arguments):
    """What the function returns, or the expected error that it raises."""
    try:
        return function(*arguments)
    except ModelverError as error:
        return error


def failure(text: str) -> ModelverError:
    with pytest.raises(ModelverError) as caught:
        resolve(parse(text), World())
    assert caught.value.excerpt == text
    return caught.value


def marked(error: ModelverError) -> str:
    assert error.mark is not None
    start, end = error.mark
    return (error.excerpt or "")[start:end]


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("fraud", Reference(model="fraud", place=Alone())),
        ("fraud@latest", Reference(model="fraud", place=Newest())),
        ("Fraud@Highest", Reference(model="fraud", place=Highest())),
        ("fraud@1.2.0", Reference(model="fraud", place=Named("1.2.0"))),
        ("fraud@v1.2.0", Reference(model="fraud", place=Named("v1.2.0"))),
        ("fraud@^1.2", Reference(model="fraud", place=InRange(read_range("^1.2")))),
        ("fraud@~1.2.3", Reference(model="fraud", place=InRange(read_range("~1.2.3")))),
        ("nlp/sentiment@production", Reference(model="nlp/sentiment", place=Named("production"))),
        ("fraud@production~1", Reference(model="fraud", place=Named("production"), back=1)),
        ("fraud~2", Reference(model="fraud", place=Newest(), back=2)),
        ("fraud~", Reference(model="fraud", place=Newest(), back=1)),
        ("fraud~1~2", Reference(model="fraud", place=Newest(), back=3)),
        ("fraud@latest~2", Reference(model="fraud", place=Newest(), back=2)),
        ("fraud#production#3", Reference(model="fraud", place=Event("production", 3))),
        ("fraud#production!#3", Reference(model="fraud", place=Event("production", 3, left=True))),
        (ONE, Reference(place=Identified(ONE))),
        ("ABCD1234", Reference(model="abcd1234", place=Alone())),
        ("v2024", Reference(place=Identified("v2024"))),
        ("v20240101120000_", Reference(place=Identified("v20240101120000_"))),
        ("fraud@v2024", Reference(model="fraud", place=Identified("v2024"))),
        (f"fraud@{ONE}", Reference(model="fraud", place=Identified(ONE))),
        ("./model.bin", Reference(place=File("./model.bin"))),
        ("../Model.bin", Reference(place=File("../Model.bin"))),
        ("/tmp/x", Reference(place=File("/tmp/x"))),
    ],
)
def test_every_form_of_the_grammar(text, reference):
    """R1: each row of the table is parsed to what it means."""
    assert parse(text) == reference
    assert parse(str(reference)) == reference


PARTS = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,3})?", fullmatch=True).filter(
    lambda word: word not in ("con", "prn", "aux", "nul")
)
MODELS = st.lists(PARTS, min_size=1, max_size=3).map("/".join)
WORDS = st.one_of(PARTS, st.sampled_from(["1.2.0", "v1.2.0", "2.0.0-rc.1", "nightly", "abcd", "production"]))
RANGES = st.sampled_from(["^1", "^1.2", "~1.2.3", "^0.0.1-rc.1", "~0", "^1.2.x"]).map(
    lambda text: InRange(read_range(text))
)
REFERENCES = st.one_of(
    st.builds(lambda m, b: f"{m}{'~' * bool(b)}{b or ''}", MODELS, st.integers(0, 99)),
    st.builds(
        lambda m, w: f"{m}@{w}", MODELS, WORDS | st.sampled_from(["latest", "highest", "^1.2", "~1", "v2024", ONE])
    ),
    st.builds(lambda m, s, b: f"{m}@{s}~{b}", MODELS, PARTS | st.just("latest"), st.integers(0, 99)),
    st.builds(lambda m, s, n, x: f"{m}#{s}{x}#{n}", MODELS, PARTS, st.integers(1, 999), st.sampled_from(["", "!"])),
    st.sampled_from([ONE, "v2024", "v20240101120000_ab", "./x", "../x~1", "/x@y#z"]),
)


@given(REFERENCES)
@settings(max_examples=500)
def test_parse_undoes_print(text):
    """R1: a reference that is printed and parsed again is the same."""
    try:
        reference = parse(text)
    except UsageError:
        return
    assert parse(str(reference)) == reference
    assert str(parse(str(reference))) == str(reference)


@given(st.text(st.sampled_from("abcfv0129.@~^#!/-_:x \n\x1bÄ") | st.characters(), max_size=20))
@settings(max_examples=1000)
def test_any_text_is_a_reference_or_marked(text):
    """R1: whatever is typed is a reference or an error with a mark in the text."""
    reference = outcome(parse, text)
    if isinstance(reference, ModelverError):
        assert reference.code == 2
        assert reference.excerpt == text
        assert reference.mark is not None
        start, end = reference.mark
        assert 0 <= start < end <= len(text) + 1
        return
    assert parse(str(reference)) == reference
    for start, end in reference.spans:
        assert 0 <= start <= end <= len(text)
    answer = outcome(resolve, reference, World())
    assert isinstance(answer, Resolved) or (answer.code in (2, 3) and answer.excerpt == text)


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("", (0, 1)),
        ("fraud model", (5, 6)),
        ("@latest", (0, 1)),
        ("fraud@", (6, 7)),
        ("fraud@^", (6, 7)),
        ("fraud@^1.x.2", (6, 12)),
        ("fraud@~", (6, 7)),
        ("fraud@>=1", (6, 7)),
        ("fraud@my stage", (8, 9)),
        ("fraud@a@b", (7, 8)),
        ("fraud~x", (6, 7)),
        ("fraud~1x", (7, 8)),
        ("fraud~9999999999", (5, 16)),
        ("fraud@1.2.0~1", (11, 13)),
        ("fraud@^1~1", (8, 10)),
        ("fraud@highest~1", (13, 15)),
        (f"{ONE}~1", (24, 26)),
        (f"fraud@{ONE}~1", (30, 32)),
        ("fraud#production", (5, 16)),
        ("fraud#production#0", (17, 18)),
        ("fraud#production#", (17, 18)),
        ("fraud#1.2.0#1", (6, 11)),
        ("fr aud#production#1", (2, 3)),
        ("nlp/-x@latest", (4, 5)),
        ("fraud@" + "x" * 65, (70, 71)),
        ("fraud:weights", (5, 6)),
    ],
)
def test_the_mark_stands_under_the_wrong_part(text, mark):
    """R1: an error of the grammar is exit 2 and points at the word that is wrong."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert (caught.value.code, caught.value.excerpt, caught.value.mark) == (2, text, mark)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("fraud", f"fraud@{FOUR}"),
        ("FRAUD", f"fraud@{FOUR}"),
        ("fraud@latest", f"fraud@{FOUR}"),
        ("fraud~1", f"fraud@{TWO}"),
        ("fraud~2", f"fraud@{ONE}"),
        ("fraud~0", f"fraud@{FOUR}"),
        ("fraud@highest", f"fraud@{ONE}"),
        ("churn@highest", f"churn@{TWIN}"),
        ("fraud@1.2.0", f"fraud@{ONE}"),
        ("fraud@v1.2.0", f"fraud@{ONE}"),
        ("fraud@V1.3.0-RC.1", f"fraud@{TWO}"),
        ("fraud@2.0.0", f"fraud@{THREE}"),
        ("fraud@nightly", f"fraud@{FOUR}"),
        ("fraud@^1", f"fraud@{ONE}"),
        ("fraud@~1.2", f"fraud@{ONE}"),
        ("fraud@^1.3.0-rc.0", f"fraud@{TWO}"),
        ("fraud@production", f"fraud@{FOUR}"),
        ("fraud@production~1", f"fraud@{TWO}"),
        ("fraud@production~2", f"fraud@{ONE}"),
        ("fraud@staging~1", f"fraud@{ONE}"),
        ("fraud#production#2", f"fraud@{TWO}"),
        ("fraud#production!#2", f"fraud@{ONE}"),
        ("fraud#staging!#2", f"fraud@{ONE}"),
        ("fraud#production#7", f"fraud@{TWO}"),
        ("gone#production#1", f"gone@{GONE}"),
        ("fraud@v9.9.9", f"fraud@{TWO}"),
        ("gone@v1.0.0", f"gone@{GONE}"),
        (ONE, f"fraud@{ONE}"),
        (GONE, f"gone@{GONE}"),
        (f"gone@{GONE}", f"gone@{GONE}"),
        (ONE.upper(), f"fraud@{ONE}"),
        ("v20240101", f"fraud@{ONE}"),
        ("v2023", f"gone@{GONE}"),
        ("abcd1234", f"fraud@{ONE}"),
        ("5555", f"gone@{GONE}"),
        ("11aa2", f"fraud@{TWO}"),
        ("beef", "beef@v20240201000000_00000000"),
        ("fraud@abcd1", f"fraud@{ONE}"),
        ("fraud@abcd", f"fraud@{FOUR}"),
        (f"churn@{TWIN}", f"churn@{TWIN}"),
    ],
)
def test_references_resolve(text, version):
    """R1: exact id, tag name, model and what follows it, prefix; after `@` stage, label, range, id."""
    assert found(text) == version


@pytest.mark.parametrize(
    ("text", "part", "hint"),
    [
        ("farud", "farud", "fraud"),
        ("sentiment@latest", "sentiment", "nlp/sentiment"),
        ("fraud@prodution", "prodution", "fraud@production"),
        ("fraud@9.0.0", "9.0.0", ""),
        ("fraud@v9.0.0", "v9.0.0", ""),
        ("fraud@9.9.9", "9.9.9", ""),
        ("fraud@staging", "staging", "promote"),
        ("fraud@canary", "canary", "promote"),
        ("fraud@production~3", "~3", "log"),
        ("fraud~3", "~3", "list"),
        ("fraud@^2", "^2", "fraud@2.0.0"),
        ("fraud@^7", "^7", "list"),
        ("fraud#production#9", "production#9", "log"),
        ("fraud#production!#1", "production!#1", "log"),
        ("abce9999", "abce9999", ""),
        ("v2029", "v2029", ""),
        ("fraud@v2029", "v2029", ""),
        ("nosuch@v2029", "nosuch", ""),
        ("churn@1.0.0", "1.0.0", ""),
    ],
)
def test_what_is_not_there_is_marked(text, part, hint):
    """R1: an unknown part is exit 3, marked, with the nearest names or the next command."""
    error = failure(text)
    assert error.code == 3
    assert marked(error) == part
    assert hint in "\n".join(error.hints)


def test_an_ambiguous_prefix_lists_its_candidates():
    """R1: a prefix of two versions is exit 3, and both are named."""
    error = failure("11aa")
    assert error.code == 3
    assert error.hints == [f"fraud@{TWO}", f"fraud@{THREE}"]
    assert marked(failure("fraud@v2024")) == "v2024"


def test_one_id_of_two_models_is_told_apart_by_the_model():
    """I2: where a merge brought one id for two models, MODEL@ID names one."""
    assert failure(TWIN).hints == [f"churn@{TWIN}", f"nlp/sentiment@{TWIN}"]


def test_a_file_is_no_version():
    """R1: a path is for the commands that say so; resolving it is exit 2."""
    assert failure("./model.bin").code == 2


def test_steps_back_from_a_label_are_refused():
    """R1: `~` counts back from a model or a stage, not from a label, exit 2."""
    error = failure("fraud@nightly~1")
    assert (error.code, marked(error)) == (2, "~1")


def test_a_model_with_nothing_left_says_so():
    """R1: where all versions are archived or yanked, the model alone finds none."""
    world = World()
    world.archived["churn"] = {TWIN}
    with pytest.raises(NotFound, match="archived or yanked"):
        resolve(parse("churn"), world)
    assert resolve(parse(f"churn@{TWIN}"), world).version == TWIN


def test_the_path_is_parted_at_the_first_colon():
    """R1: REF[:PATH] is parted at the first colon, and a colon needs a path."""
    assert split_path("fraud@latest:a:b") == ("fraud@latest", "a:b")
    assert split_path("fraud") == ("fraud", None)
    with pytest.raises(UsageError):
        split_path("fraud:")
