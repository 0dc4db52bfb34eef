"""Records of somebody who means harm: an error with file and key, nothing written, nothing shown raw (C3-C5, S2)."""

from __future__ import annotations

import os
import re
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import byhand
import pytest
from byhand import ID
from worlds import Ran, World, contents

from modelver.errors import Damaged

PATH = byhand.version_path()
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
"""What a terminal acts on, but for the end of a line."""
EVIL = "\x1b[31mred\x1b]0;title\x07\x9b2J\u202etxt\u2066\u061c\u200f\r\x08"
"""Colour, the window's title, a C1 control, marks that turn the direction of writing, overprinting."""


def assert_clean(ran: Ran) -> None:
    """Nothing in what was printed reaches the terminal as a command to it."""
    for stream in (ran.out, ran.err):
        assert not FORBIDDEN.search(stream), FORBIDDEN.search(stream)


def within_a_second(world: World, *words: str, code: int) -> Ran:
    """Run the program; all its processes together take less than a second of processor time."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = world.cli(*words, code=code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0
    assert_clean(ran)
    return ran


# ---- YAML ----------------------------------------------------------------------------------------------------

DEEP = "x: " + "{a: " * 50_000 + "1" + "}" * 50_000
YAML = {
    # what is in the record, the line of the error, and words of it
    "tag": (byhand.version(more='meta: !!python/object/apply:os.system ["touch pwned"]'), 13, "tags are not allowed"),
    "alias": (byhand.version(more="meta: &a [x]\nparams: {b: *a}"), 13, "anchors are not allowed"),
    "laughs": (
        byhand.version(more="meta:\n" + "".join(f"  k{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 9))),
        14,
        "not",
    ),
    "merge": (byhand.version(more="meta:\n  <<: *x"), 14, "aliases are not allowed"),
    "twice": (byhand.version(more="message: again"), 13, "'message' stands twice"),
    "deep": (byhand.version(more=DEEP), 13, "nested deeper than 16"),
    "long": (byhand.version(more="meta: [" + "1," * 30_000 + "1]"), 13, "20000 events"),
    "document": (byhand.version(more="---\nmodel: other"), 13, "second document"),
    "infinity": (byhand.version(more="metrics:\n  auc: 1e999"), 14, "too large"),
    "digits": (byhand.version(more="metrics:\n  auc: " + "9" * 5000), 14, "100 digits"),
    "nan": (byhand.version(more="metrics:\n  auc: .nan"), 14, "no finite number"),
    "control": (byhand.version(more="meta: {a: \x1b[31m}"), 13, "0x1b"),
    "latin": (byhand.version(more="meta: {a: é}").encode("latin-1"), 13, "not UTF-8"),
    "no yaml": (byhand.version(more="meta: ["), 14, "no YAML"),
    "binary": (b"\0\1\2", 1, "0x0"),
    "scalar": ("just words", 1, "expected a mapping"),
    "format": (byhand.version(format=2), 1, "format: expected format 1"),
    "model": (byhand.version("other"), None, "model: expected 'fraud'"),
    "version": (byhand.version(version=ID.replace("v2024", "v2023")), None, "version: expected"),
    "moment": (byhand.version(created_at="'2024-03-02T00:00:00Z'"), 4, "created_at: expected the second"),
    "digest": (byhand.version(digest="sha256:" + "0" * 64), 3, "version: expected an id that ends"),
    "size": (byhand.version(size="big"), 11, "artifact.size: expected a whole number"),
    "negative": (byhand.version(size=-1), 11, "artifact.size: expected a whole number"),
    "kind": (byhand.version(kind="socket"), 9, "artifact.kind: expected file or directory"),
    "missing": (byhand.version().replace("  size: 7\n", ""), 8, "artifact.size: missing"),
    "metric": (byhand.version(more="metrics:\n  auc: high"), 14, "metrics.auc: expected a finite number"),
    "input": (byhand.version(more="inputs:\n- kind: data\n  id: [x]"), 15, "inputs[0].id: expected a string"),
    "empty": ("", None, "missing"),
}
COSTLY = ("tag", "laughs", "deep", "long", "digits", "model")
"""Those that have made readers slow or worse; the program is tried on them as well."""


@pytest.mark.parametrize("case", YAML)
def test_a_malformed_record_is_named_with_file_line_and_key(fraud: World, case: str) -> None:
    """C4: exit 5 with file, line and key, in under a second; `verify` lists it as its one problem, of kind `record`."""
    data, line, words = YAML[case]
    fraud.commit({PATH: data})
    place = f"{PATH}:{line}: " if line else PATH
    with fraud.registry as registry:
        with pytest.raises(Damaged) as caught:
            registry.show(f"fraud@{ID}")
        verified = registry.verify()
    assert caught.value.message.startswith(place)
    assert words in "\n".join([caught.value.message, *caught.value.hints])
    if case in COSTLY:
        ran = within_a_second(fraud, "show", f"fraud@{ID}", code=5)
        assert ran.err.startswith(f"error: {caught.value.message}\n")
    assert verified.code == 5
    assert [(problem.kind, problem.path, problem.version) for problem in verified.problems] == [("record", PATH, ID)]
    assert words in verified.problems[0].detail
    assert not (fraud / "pwned").exists()


def test_all_faults_of_a_file_are_told(fraud: World) -> None:
    """C4: a record with several faults gets a line for each of them, the first as the error, the others as hints."""
    fraud.commit({PATH: byhand.version(size="big", kind="pipe", files=-1, created_by="[x]")})
    ran = fraud.cli("show", ID, code=5)
    places = re.findall(rf"^(error|hint): {re.escape(PATH)}:(\d+): ([a-z_.]+): ", ran.err, re.MULTILINE)
    assert places == [
        ("error", "5", "created_by"),
        ("hint", "9", "artifact.kind"),
        ("hint", "11", "artifact.size"),
        ("hint", "12", "artifact.files"),
    ]


def test_a_record_of_100_megabytes_is_not_read(fraud: World) -> None:
    """C4: the blob's size is asked for first: exit 5 with the file, in under a second."""
    blob = fraud.git("hash-object", "-w", "--stdin", input=b"#" * 100_000_000).strip()
    fraud.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{PATH}")
    fraud.git("commit", "-q", "-m", "large")
    for words in (("show", f"fraud@{ID}"), ("verify",)):
        ran = within_a_second(fraud, *words, code=5)
        assert PATH in ran.err + ran.out
        assert "too large for a record" in ran.err + ran.out


@pytest.mark.parametrize("kind", ["link", "folder", "submodule", "name", "day", "stray"])
def test_an_entry_that_is_no_record_is_named(fraud: World, kind: str) -> None:
    """S1: what below `.modelver/models` is no plain file in its place is a problem of `verify`, exit 5."""
    folder = PATH.rpartition("/")[0]
    path = {
        "name": ".modelver/models/fraud/stages/\x1b[31m.yaml",
        "day": PATH.replace("/01/", "/02/"),
        "stray": ".modelver/models/fraud/notes.txt",
    }.get(kind, PATH)
    if kind == "link":
        (fraud / folder).mkdir(parents=True)
        (fraud / path).symlink_to("../../../../../../config.yaml")
        fraud.git("add", path)
        fraud.git("commit", "-q", "-m", "a link")
    elif kind == "folder":
        fraud.commit({f"{path}/inside.yaml": "x"})
    elif kind == "submodule":
        fraud.git("update-index", "--add", "--cacheinfo", f"160000,{fraud.git('rev-parse', 'HEAD').strip()},{path}")
        fraud.git("commit", "-q", "-m", "a submodule")
    else:
        fraud.commit({path: byhand.version()})
    ran = within_a_second(fraud, "verify", "--json", code=5)
    assert {problem["kind"] for problem in ran.json["problems"]} == {"record"}
    assert any(problem["path"].startswith(path) for problem in ran.json["problems"])


@pytest.mark.parametrize("kind", ["link", "file", "submodule"])
def test_a_registry_that_is_no_directory(plain: World, tmp_path: Path, kind: str) -> None:
    """S1: `.modelver` as a link, a file or a submodule is no registry; nothing is read or written through it."""
    (tmp_path / "elsewhere").mkdir()
    if kind == "submodule":
        commit = plain.git("rev-parse", "HEAD").strip()
        plain.git("update-index", "--add", "--cacheinfo", f"160000,{commit},.modelver")
    else:
        (plain / ".modelver").symlink_to(tmp_path / "elsewhere") if kind == "link" else plain.write(".modelver", "x")
        plain.git("add", ".modelver")
    plain.git("commit", "-q", "-m", "no registry")
    before = plain.everything(but=[".git/modelver"])
    plain.write("model.bin", "weights")
    within_a_second(plain, "list", code=3)
    assert plain.cli("init", code=None).code in (4, 5)
    plain.cli("add", "model.bin", code=3)
    (plain / "model.bin").unlink()
    assert plain.everything(but=[".git/modelver"]) == before
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_malformed_configuration_is_named(fraud: World) -> None:
    """`config.yaml` is checked: what reads it is exit 5 with file, line and key, and so is `verify`."""
    fraud.commit({".modelver/config.yaml": "format: 1\nbranch: main\ntags:\n  versions: loud\n"})
    fraud.write("model.bin", "other")
    head = fraud.git("rev-parse", "HEAD")
    assert "config.yaml:4: tags.versions: expected tag or ref" in fraud.cli("add", "model.bin", code=5).err
    assert fraud.git("rev-parse", "HEAD") == head
    problem = fraud.json("verify", code=5)["problems"][0]
    assert (problem["kind"], problem["path"]) == ("record", ".modelver/config.yaml")


def test_a_malformed_record_harms_nobody_else(fraud: World) -> None:
    """A malformed record of one model keeps nobody from adding to, hiding and checking out another."""
    fraud.commit({byhand.version_path(model="evil"): "x: &x [*x]"})
    fraud.write("other.bin", "other")
    fraud.cli("add", "other.bin", "-n", "other")
    (fraud / "other.bin").unlink()
    (fraud / ".git/info/exclude").unlink()
    shutil.rmtree(fraud.home / "cache")
    assert fraud.cli("checkout", "other").err == ""
    assert (fraud / "other.bin").read_text() == "other"
    assert fraud.git("status", "--porcelain") == ""
    assert len(fraud.json("list")["models"]) == 3


# ---- paths ---------------------------------------------------------------------------------------------------

PLACES = [
    "../outside.bin",
    "a/../../outside.bin",
    "/tmp/absolute.bin",
    ".git/hooks/post-checkout",
    ".GIT/hooks/post-checkout",
    "src/.g\u200cit/config",
    "git~1/hooks/post-checkout",
    ".git ./hooks/post-checkout",
    ".git::$INDEX_ALLOCATION/hooks/post-checkout",
    ".modelver/config.yaml",
    ".MODELVER/config.yaml",
    "a//b",
    "./model.bin",
    "src/",
    "C:/model.bin",
    "a\\..\\..\\b",
    "",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_path_that_leads_out_or_into_git_is_refused(fraud: World, place: str) -> None:
    """C5: exit 5 with file and key for everybody who reads the record, also with `-o`; nothing is written anywhere."""
    fraud.commit({PATH: byhand.version(path=f"'{place}'")})
    before = contents(fraud.top.parent, but=["repo/.git/modelver/cache"])
    with fraud.registry as registry:
        for output in (None, "out.bin"):
            with pytest.raises(Damaged) as caught:
                registry.checkout(ID, output, force=True)
            assert caught.value.message.startswith(f"{PATH}:8: artifact.path: expected a path inside the repository")
        assert registry.verify().problems[0].path == PATH
    if place.startswith((".git/", "../", "/")):
        within_a_second(fraud, "checkout", ID, "--force", code=5)
    assert contents(fraud.top.parent, but=["repo/.git/modelver/cache"]) == before


def _link(world: World) -> str:
    (world / "link").symlink_to(".git/hooks")
    world.git("add", "link")
    world.git("commit", "-q", "-m", "a link")
    return "link/post-checkout"


def _untracked_link(world: World) -> str:
    world.write("deep/file")
    (world / "deep/link").symlink_to("../.git")
    return "deep/link/hooks/post-checkout"


def _workflow(world: World) -> str:
    world.commit({".github/workflows/ci.yml": "on: push\n"})
    return ".github/workflows/ci.yml"


def _absent_workflow(world: World) -> str:
    path = _workflow(world)
    (world / path).unlink()
    return path


def _tracked_folder(world: World) -> str:
    _workflow(world)
    return ".github/workflows"


@pytest.mark.parametrize("harm", [_link, _untracked_link, _workflow, _absent_workflow, _tracked_folder])
def test_no_record_can_plant_a_hook_or_a_workflow(fraud: World, harm: Callable[[World], str]) -> None:
    """C5: through a symbolic link, or onto what Git tracks: `checkout` is exit 5 with file and key, nothing happens."""
    (fraud / ".git/hooks").mkdir()
    fraud.commit({PATH: byhand.version(path=harm(fraud))})
    before = fraud.everything(but=[".git/modelver"])
    ran = within_a_second(fraud, "checkout", ID, code=5)
    assert ran.err.startswith(f"error: {PATH}: artifact.path: ")
    assert fraud.everything(but=[".git/modelver"]) == before
    fraud.cli("checkout", ID, "-o", "safe.bin")
    assert (fraud / "safe.bin").read_text() == "fraud 1"


def test_the_executable_bit_is_not_a_records_to_give(fraud: World) -> None:
    """C5: of an artifact that is one file the executable bit is never set."""
    fraud.write("tool.sh", "#!/bin/sh\n", mode=0o755)
    fraud.cli("add", "tool.sh")
    (fraud / "tool.sh").unlink()
    fraud.cli("checkout", "tool")
    assert not os.access(fraud / "tool.sh", os.X_OK)


MANIFESTS = {
    "out": '{"entries":[{"digest":"sha256:DIGEST","executable":false,"kind":"file","path":"../x","size":7}],'
    '"format":1}',
    "git": '{"entries":[{"digest":"sha256:DIGEST","executable":true,"kind":"file","path":".git/hooks/x","size":7}],'
    '"format":1}',
    "link": '{"entries":[{"kind":"link","path":"a","target":"../../.git"}],"format":1}',
    "through": '{"entries":[{"kind":"link","path":"a","target":"b"},'
    '{"digest":"sha256:DIGEST","executable":false,"kind":"file","path":"a/x","size":7}],"format":1}',
    "order": '{"entries":[{"kind":"link","path":"b","target":"x"},{"kind":"link","path":"a","target":"x"}],"format":1}',
    "loose": '{"entries": [], "format": 1}',
    "no manifest": "weights",
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_a_hostile_manifest_is_refused(fraud: World, case: str) -> None:
    """I1, C5: a manifest that leads out, goes through a link or is not canonical is exit 5, also in `verify`."""
    data = MANIFESTS[case].replace("DIGEST", byhand.DIGEST).encode()
    with fraud.registry as registry:
        digest = registry.objects.put_bytes(data)
    version = f"v20240301000000_{digest[7:15]}"
    path = byhand.version_path(version)
    fraud.commit({path: byhand.version(version=version, kind="directory", path="folder", digest=digest)})
    before = contents(fraud.top, but=[".git"])
    within_a_second(fraud, "checkout", version, code=5)
    assert contents(fraud.top, but=[".git"]) == before
    with fraud.registry as registry:
        problem = registry.verify([version]).problems[0]
    assert (problem.kind, problem.version) == ("object", version)


# ---- what a terminal would act on ----------------------------------------------------------------------------


@pytest.fixture
def evil(fraud: World) -> World:
    """A version all of whose texts would act on a terminal, and a file of such a name that lies there."""
    quoted = '"' + "".join(f"\\u{ord(letter):04x}" for letter in EVIL) + '"'
    fraud.write(EVIL, "fraud 1")
    texts = f"params:\n  {quoted}: {quoted}\nmeta:\n  {quoted}: [{quoted}]\nmetrics:\n  {quoted}: 1\n"
    inputs = f"inputs:\n- kind: data\n  id: {quoted}\n  relation: trained-on\n{quoted}: {quoted}\n"
    record = byhand.version(path=quoted, message=quoted, created_by=quoted, format_=1, more=texts + inputs)
    fraud.commit({PATH: record.replace("format_: 1\n", "")})
    byhand.stage(fraud, "production", ("promote", ID))
    return fraud


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("list", "fraud"),
        ("show", "fraud"),
        ("status",),
        ("checkout", "fraud"),
        ("checkout", "fraud~1", "-o", EVIL),
        ("verify",),
        ("verify", "--repair"),
        ("list", "fraud", "--json"),
        ("show", "fraud", "--json"),
        ("status", "--json"),
    ],
)
def test_no_escape_sequence_reaches_the_terminal(evil: World, words: tuple[str, ...]) -> None:
    """C4: ANSI, C1, bidi and overprinting of a record or a file's name never reach either stream, plain or as JSON."""
    assert_clean(evil.cli(*words))


def test_remarks_are_clean_too(evil: World) -> None:
    """What a command remarks about a file with such a name is escaped as well."""
    evil.object(byhand.DIGEST).unlink()
    ran = evil.cli("verify", "--repair")
    assert ran.err.startswith("note: ")
    assert "\\x1b[31mred" in ran.err
    assert_clean(ran)


def test_escapes_in_json_are_the_text_itself(evil: World) -> None:
    """What JSON shows escaped reads back as the very text."""
    shown = evil.json("show", "fraud")
    assert (shown["message"], shown["artifact"]["path"], shown["params"]) == (EVIL, EVIL, {EVIL: EVIL})
    assert evil.json("list", "fraud")["versions"][0]["metrics"] == {EVIL: 1}
    assert EVIL in [line["path"] for line in evil.json("status")["artifacts"]]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", f"fraud@{EVIL}"), 2),
        (("show", EVIL), 2),
        (("list", EVIL), 2),
        (("add", EVIL + "absent"), 2),
        (("add", "model.bin", "-n", EVIL), 2),
        (("add", "model.bin", "--metric", EVIL), 2),
        (("add", "model.bin", "--metric", f"{EVIL}=x"), 2),
        (("add", "model.bin", "--metrics", EVIL + "absent"), 2),
        (("add", "model.bin", "--data", EVIL + "absent"), 2),
        (("add", "model.bin", "--time", EVIL), 2),
        (("checkout", "fraud", "-o", f".git/{EVIL}"), 2),
        (("path", f"fraud:{EVIL}"), 3),
        ((EVIL,), 2),
        (("list", f"--{EVIL}"), 2),
        (("list", "-C", EVIL), 2),
        (("list", "--limit", EVIL), 2),
    ],
)
def test_no_escape_sequence_comes_back_in_an_error(fraud: World, words: tuple[str, ...], code: int) -> None:
    """What a person, or a script with hostile input, types is shown escaped in every error, and with `--json`."""
    assert_clean(fraud.cli(*words, code=code))
    if words[0] in ("show", "path"):
        with_json = fraud.cli("--json", *words, code=code)
        assert_clean(with_json)
        assert with_json.error["code"] == code


def test_debug_output_is_clean_too(evil: World) -> None:
    """The traceback that `--debug` asks for carries no escape sequence either."""
    ran = evil.cli("show", f"fraud@{EVIL}", "--debug", code=2)
    assert "in parse" in ran.err
    assert_clean(ran)


def test_names_of_git_that_are_no_text(fraud: World) -> None:
    """Names that are not UTF-8 and models whose name is none: told by `verify` escaped, exit 5, and in nobody's way."""
    blob = fraud.git("hash-object", "-w", "--stdin", input=byhand.version()).strip().encode()
    for name in (b"\xff\xfe", EVIL.encode(), b"CON", b"a b"):
        path = b".modelver/models/" + name + b"/versions/202403/01/" + ID.encode() + b".yaml"
        fraud.git("update-index", "-z", "--add", "--index-info", input=b"100644 " + blob + b"\t" + path + b"\0")
    fraud.git("commit", "-q", "-m", "odd names")
    ran = within_a_second(fraud, "verify", code=5)
    assert ran.out.count("no record has such a path") == 4
    assert [model["name"] for model in within_a_second(fraud, "list", "--json", code=0).json["models"]] == ["fraud"]


# ---- facts that do not go together ---------------------------------------------------------------------------


def test_a_tag_that_disagrees_with_the_record(fraud: World) -> None:
    """B2: a record that was changed after its tag: `show` refuses with exit 5 and the file, `verify` is exit 1."""
    version = fraud.json("show", "fraud~1")["version"]
    path = byhand.version_path(version)
    fraud.commit({path: fraud.record(path).replace("0.82", "0.99")})
    ran = within_a_second(fraud, "show", "fraud~1", code=5)
    assert ran.err.startswith(f"error: {path}: ")
    verified = fraud.json("verify", code=1)
    assert [(problem["kind"], problem["version"]) for problem in verified["problems"]] == [("tag", version)]
    fraud.json("verify", "fraud", code=0)


@pytest.mark.parametrize("target", ["other commit", "tree", "blob", "tag of a tag"])
def test_a_tag_that_names_something_else(fraud: World, target: str) -> None:
    """B2: a version's tag has to name a commit with its record: `verify` is exit 1; a tag of a tag is as good."""
    version = fraud.json("show", "fraud")["version"]
    names = {
        "other commit": "main~3",
        "tree": "main^{tree}",
        "blob": "main:README.md",
        "tag of a tag": f"refs/tags/{version}",
    }
    fraud.git("tag", "-f", "-a", "-m", "moved", version, names[target])
    good = target == "tag of a tag"
    verified = fraud.json("verify", code=0 if good else 1)
    assert [problem["kind"] for problem in verified["problems"]] == ([] if good else ["tag"])
    assert fraud.json("show", "fraud")["version"] == version


def test_a_tag_of_nothing(fraud: World) -> None:
    """B2: a tag that looks like a version's and names a commit without one is a problem, exit 1."""
    fraud.git("tag", "v20200101000000_abcdef01")
    problems = fraud.json("verify", code=1)["problems"]
    assert [(problem["kind"], problem["version"]) for problem in problems] == [("tag", "v20200101000000_abcdef01")]
    fraud.cli("show", "v20200101000000_abcdef01", code=3)
    fraud.git("tag", "v1.0.0", "main^{tree}")
    fraud.git("tag", "-d", "v20200101000000_abcdef01")
    fraud.cli("verify")


@pytest.mark.parametrize("target", ["main^{tree}", "main:README.md"])
def test_a_tag_of_something_that_is_no_commit_is_in_nobodys_way(fraud: World, target: str) -> None:
    """B2: such a tag is named by `verify`, exit 1, and harms no reference, list or `add`."""
    fraud.git("tag", "v20300101000000_abcdef01", target)
    fraud.git("tag", "fraud@v9.0.0", target)
    assert [problem["kind"] for problem in fraud.json("verify", code=1)["problems"]] == ["tag", "tag"]
    fraud.cli("show", "abcdef01", code=3)
    fraud.cli("show", "fraud@v9.0.0", code=3)
    assert len(fraud.json("list", "fraud", "--all")["versions"]) == 3
    fraud.write("model.bin", "more")
    fraud.cli("add", "model.bin")


def test_a_missing_tag_is_listed_and_no_problem(fraud: World) -> None:
    """B2: `missing_tags` names it, exit 0."""
    version = fraud.json("show", "fraud~1")["version"]
    fraud.git("tag", "-d", version)
    verified = fraud.json("verify")
    assert (verified["missing_tags"], verified["problems"], verified["checked"]["tags"]) == ([version], [], 2)


def problems(world: World) -> list[tuple[str, str | None, str | None]]:
    """Kind, version and path of each problem; `verify` has to be exit 1."""
    found = world.json("verify", code=1)["problems"]
    return [(problem["kind"], problem["version"], problem["path"]) for problem in found]


def test_a_stage_that_points_to_nothing(fraud: World) -> None:
    """S2: a pointer to a version that is not here is a problem, exit 1; the stage's reference is exit 3."""
    path = byhand.stage(fraud, "production", ("promote", ID))
    assert problems(fraud) == [("stage", ID, path)]
    within_a_second(fraud, "show", "fraud@production", code=3)


def test_a_stage_whose_history_has_a_gap(fraud: World) -> None:
    """C1: numbers that do not grow by one, or a head that is not the newest change, are named with the file."""
    ids = [line["version"] for line in fraud.json("list", "fraud")["versions"]]
    path = byhand.stage(fraud, "production", ("promote", ids[0]), ("promote", ids[1]), ("promote", ids[2]))
    text = fraud.record(path)
    gap = re.sub(r"- number: 2\n(?:  .*\n)+", "", text)
    assert gap != text
    fraud.commit({path: gap})
    # Once for the gap, once for the change that was there before.
    assert problems(fraud) == [("stage", ids[0], path)] * 2
    fraud.commit({path: text.replace("number: 3", "number: 9", 1)})
    assert f"{path}:5: number: expected the number of the newest change" in fraud.cli("show", "fraud", code=5).err


def test_two_semver_labels_on_one_version(fraud: World) -> None:
    """S2: what two branches can do with a clean merge is listed by `verify`, exit 1; other labels may be many."""
    version = fraud.json("show", "fraud")["version"]
    byhand.label(fraud, "1.0.0", version)
    byhand.label(fraud, "blue", version)
    byhand.label(fraud, "green", version)
    fraud.cli("verify")
    byhand.label(fraud, "2.0.0", version)
    assert [kind for kind, _, _ in problems(fraud)] == ["label"]
    assert fraud.json("show", "fraud@1.0.0")["labels"] == ["1.0.0", "2.0.0", "blue", "green"]


def test_what_is_left_of_a_model_without_versions(fraud: World) -> None:
    """S2: its pointers, held or not, labels, archives and notes are problems, each by its path; exit 1."""
    for words in (
        ("tag", "fraud", "1.0.0"),
        ("promote", "fraud", "production"),
        ("promote", "fraud", "staging"),
        ("demote", "fraud", "staging"),
        ("archive", "fraud~1"),
        ("note", "fraud", "--metric", "auc=0.5"),
    ):
        fraud.cli(*words)
    assert fraud.json("verify")["problems"] == []
    fraud.git("rm", "-q", "-r", ".modelver/models/fraud/versions")
    fraud.git("commit", "-q", "-m", "by hand")
    fraud.git("tag", "-d", *fraud.git("tag").split())
    problems = fraud.json("verify", code=1)["problems"]
    left = fraud.git("ls-files", ".modelver/models/fraud").split()
    assert {each["path"] for each in problems} == set(left)
    assert {each["kind"] for each in problems} == {"stage", "label", "archive", "note"}


def test_a_label_of_nothing(fraud: World) -> None:
    """S2: a label of a version that is not here is a problem, exit 1, and its reference is exit 3."""
    path = byhand.label(fraud, "1.0.0", ID)
    assert problems(fraud) == [("label", ID, path)]
    fraud.cli("show", "fraud@1.0.0", code=3)


def test_archived_and_staged(fraud: World) -> None:
    """S2: archived on one branch and promoted on the other: listed, exit 1; the held stage wins until it is mended."""
    version = fraud.json("show", "fraud")["version"]
    path = byhand.archive(fraud, version)
    byhand.stage(fraud, "production", ("promote", version))
    assert problems(fraud) == [("archive", version, path)]
    shown = fraud.json("show", "fraud")
    assert (shown["version"], shown["state"], shown["stages"]) == (version, "staged", ["production"])
    assert fraud.json("list", "fraud")["versions"][0]["state"] == "staged"


MALFORMED = {
    ".modelver/models/fraud/tags/1.0.0.yaml": "format: 1\nmodel: fraud\nlabel: 1.0.0\n",
    ".modelver/models/fraud/stages/production.yaml": "format: 1\nmodel: fraud\nstage: staging\nversion: null\n",
    ".modelver/models/fraud/model.yaml": "description: [\n",
    byhand.version_path().replace("/versions/", "/archived/"): "state: gone\n",
}


@pytest.mark.parametrize("path", MALFORMED)
def test_every_kind_of_record_is_checked(fraud: World, path: str) -> None:
    """C4: `verify` reads labels, stages, archives and cards too: a malformed one is exit 5, named with its file."""
    fraud.commit({path: MALFORMED[path]})
    found = fraud.json("verify", code=5)["problems"]
    assert {(problem["kind"], problem["path"]) for problem in found} == {("record", path)}
