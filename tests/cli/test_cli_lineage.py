"""`lineage`: where a version comes from, what depends on something, and what people add to that."""

from __future__ import annotations

import http.server
import json
import threading
import time
from typing import Any

import pytest
from worlds import World, sha256

import modelver


@pytest.fixture
def family(world: World) -> World:
    """Raw data, cleaned; a base trained on that; two that are fine-tuned from it, one of them in production."""
    world.commit({"raw.csv": "raw", "clean.csv": "clean", "train.py": "code"})
    with world.registry as registry:
        data, code = modelver.Data("clean.csv"), modelver.Code("train.py")
        base = world.add("base", "base", "base.bin", inputs=[data, code])
        for name in ("eu", "us"):
            world.add(name, name, f"{name}.bin", inputs=[modelver.Parent(base)])
        registry.promote("eu", "production")
        registry.tag("eu", "1.0.0")
        registry.add_node("data", "raw.csv", path="raw.csv")
        registry.link("clean.csv", "raw.csv")
    return world


def ids(world: World) -> dict[str, str]:
    """The newest version of each model."""
    return {line["name"]: line["latest"] for line in world.json("list")["models"]}


def edges(answer: Any) -> list[tuple[str, str, str]]:
    """The edges of an answer: from upstream, to downstream, relation."""
    return [(edge["from"], edge["to"], edge["relation"]) for edge in answer["subgraph"]["edges"]]


# ---- looking -------------------------------------------------------------------------------------------------


def test_what_lineage_answers(family: World) -> None:
    """`lineage`: node, upstream, downstream, the nearest first; and the graph, whose edges run downstream."""
    known = ids(family)
    answer = family.json("lineage", "base")
    assert answer["node"] == known["base"]
    assert set(answer["upstream"][:2]) == {"clean.csv", "train.py"}
    assert answer["upstream"][2:] == ["raw.csv"]
    assert sorted(answer["downstream"]) == sorted([known["eu"], known["us"]])
    assert sorted(edges(answer)) == sorted(
        [
            ("raw.csv", "clean.csv", "derived-from"),
            ("clean.csv", known["base"], "trained-on"),
            ("train.py", known["base"], "trained-by"),
            (known["base"], known["eu"], "fine-tuned-from"),
            (known["base"], known["us"], "fine-tuned-from"),
        ]
    )
    nodes = {node["id"]: node for node in answer["subgraph"]["nodes"]}
    assert nodes["raw.csv"] == {"id": "raw.csv", "kind": "data", "metadata": {"digest": f"sha256:{sha256('raw')}"}}
    assert (nodes[known["eu"]]["kind"], nodes[known["eu"]]["metadata"]["model"]) == ("model", "eu")
    trained = next(edge for edge in answer["subgraph"]["edges"] if edge["relation"] == "trained-on")
    assert trained["digest"] == f"sha256:{sha256('clean')}"


def test_sides_depth_kinds_and_relations(family: World) -> None:
    """`lineage`: --up, --down, --depth, --kind, --relation."""
    known = ids(family)
    assert family.json("lineage", "eu", "--up")["downstream"] == []
    assert family.json("lineage", "eu", "--up", "--depth", "1")["upstream"] == [known["base"]]
    assert family.json("lineage", "eu", "--up", "--kind", "data")["upstream"] == ["clean.csv", "raw.csv"]
    assert family.json("lineage", "eu", "--up", "--relation", "fine-tuned-from")["upstream"] == [known["base"]]
    down = family.json("lineage", "raw.csv", "--down")
    assert down["upstream"] == []
    assert down["downstream"][:2] == ["clean.csv", known["base"]]
    assert set(down["downstream"][2:]) == {known["eu"], known["us"]}
    family.cli("lineage", "eu", "--kind", "weights", code=2)
    family.cli("lineage", "eu", "--depth", "0", code=2)


def test_nodes_by_any_name(family: World) -> None:
    """`lineage`: a version by any reference, data and code by path or name, one version of data by its digest."""
    known = ids(family)
    for ref in ("eu", "eu@1.0.0", "eu@production", known["eu"], known["eu"][-8:]):
        assert family.json("lineage", ref)["node"] == known["eu"]
    assert family.json("lineage", "./clean.csv")["node"] == "clean.csv"
    digest = sha256("clean")
    family.write("clean.csv", "cleaner")
    newer = family.add("again", "base", "base.bin", inputs=[modelver.Data("clean.csv")]).version
    assert newer in family.json("lineage", "clean.csv", "--down")["downstream"]
    old = family.json("lineage", f"clean.csv@sha256:{digest[:8]}", "--down")["downstream"]
    assert known["base"] in old
    assert newer not in old
    error = family.cli("--json", "lineage", "claen.csv", code=3).error
    assert "clean.csv" in error["hint"]


def test_impact(family: World) -> None:
    """`lineage impact`: every version downstream, with labels and stages."""
    known = ids(family)
    answer = family.json("lineage", "impact", "raw.csv")
    assert answer["node"] == "raw.csv"
    assert answer["models"][0] == {"model": "base", "version": known["base"], "labels": [], "stages": []}
    eu = {"model": "eu", "version": known["eu"], "labels": ["1.0.0"], "stages": ["production"]}
    assert eu in answer["models"]
    assert (answer["stages"], answer["others"]) == (["eu@production"], ["clean.csv"])
    shown = family.cli("lineage", "impact", "raw.csv").out
    assert shown.endswith("3 versions come from raw.csv; in eu@production\n")
    assert family.cli("lineage", "impact", "eu").out == f"nothing comes from {known['eu']}\n"


def test_a_path(family: World) -> None:
    """`lineage path`: the chain between two nodes, whichever way it runs."""
    known = ids(family)
    answer = family.json("lineage", "path", "eu", "raw.csv")
    assert answer["nodes"] == [known["eu"], known["base"], "clean.csv", "raw.csv"]
    assert [step["relation"] for step in answer["steps"]] == ["fine-tuned-from", "trained-on", "derived-from"]
    assert family.json("lineage", "path", "raw.csv", "eu")["nodes"] == answer["nodes"][::-1]
    family.cli("lineage", "path", "eu", "us", code=3)


def test_the_tree(family: World) -> None:
    """`lineage`: as a tree for people, cut with a count."""
    shown = family.cli("lineage", "eu", "--up").out
    assert "raw.csv" in shown
    assert "fine-tuned-from" in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize("format", ["dot", "mermaid"])
def test_other_forms(family: World, format: str) -> None:
    """`lineage --format`: documents for other programs."""
    text = family.cli("lineage", "base", "--format", format).out
    assert "clean.csv" in text
    assert family.cli("lineage", "base", "--format", "json").json == family.json("lineage", "base")


def test_python(family: World) -> None:
    """Python: get_upstream, get_downstream, get_lineage with depth; the graph is networkx's."""
    known = ids(family)
    with family.registry as registry:
        assert registry.get_upstream("eu", depth=1) == (known["base"],)
        assert set(registry.get_downstream("base")) == {known["eu"], known["us"]}
        graph = registry.get_lineage("base", depth=1)
        assert graph.has_edge(("data", "clean.csv"), ("model", known["base"]))
        assert ("data", "raw.csv") not in graph
        assert registry.impact("raw.csv").stages == ("eu@production",)


# ---- writing -------------------------------------------------------------------------------------------------


def test_a_node(world: World) -> None:
    """`lineage add`: one record, in one commit; the same again writes nothing, something else takes its place."""
    world.write("data/train.csv", "1,2\n")
    words = ("lineage", "add", "data", "Train Set", "--path", "data/train.csv", "--meta", "owner=risk", "-m", "why")
    answer = world.json(*words)
    path = world.git("show", "--name-only", "--format=").strip()
    assert path == f".modelver/lineage/data/train-set-{sha256('Train Set')[:8]}.yaml"
    assert world.git("log", "-1", "--format=%s").strip() == "modelver: lineage add data Train Set"
    assert answer == {
        "op": "add",
        "kind": "data",
        "node": "Train Set",
        "digest": f"sha256:{sha256('1,2' + chr(10))}",
        "uri": None,
        "meta": {"owner": "risk"},
        "commit": world.git("rev-parse", "HEAD").strip(),
    }
    assert world.json(*words) == answer
    assert not world.object(answer["digest"]).exists()
    world.json("lineage", "add", "data", "Train Set", "--path", "data/train.csv", "--store")
    assert world.object(answer["digest"]).exists()
    metadata = world.json("lineage", "Train Set")["subgraph"]["nodes"][0]["metadata"]
    assert metadata == {"digest": answer["digest"], "owner": "risk", "message": "why"}
    world.assert_sound()
    assert world.json("verify")["problems"] == []


def test_named_data(world: World) -> None:
    """`add --data NAME=…`: a name for a path or a URI; a path that is there, and a URI with `=`, is no name."""
    world.write("data/train.csv", "1,2\n")
    world.write("a=b.csv", "3\n")
    world.write("model.bin", "x")
    uri = "s3://bucket/x?version=3"
    names = ("data/train=data/train.csv", f"test={uri}", "a=b.csv", uri)
    world.json("add", "model.bin", *(word for name in names for word in ("--data", name)))
    inputs = world.json("show", "model")["inputs"]
    assert [each["id"] for each in inputs] == ["data/train", "test", "a=b.csv", uri]
    assert (inputs[0]["path"], inputs[1]["uri"]) == ("data/train.csv", uri)
    assert world.json("lineage", "impact", "data/train")["models"][0]["model"] == "model"
    world.cli("add", "model.bin", "--data", "x=nothing.csv", code=2)


def test_links(family: World) -> None:
    """`lineage link`: reads as a sentence, is made once, and is taken back."""
    known = ids(family)
    answer = family.json("lineage", "link", "us", "eu", "--relation", "distilled-from", "-m", "smaller")
    assert (answer["down"], answer["relation"], answer["up"]) == (known["us"], "distilled-from", known["eu"])
    before = family.git("rev-parse", "HEAD")
    assert family.json("lineage", "link", "us", "eu", "--relation", "distilled-from") == answer
    assert family.git("rev-parse", "HEAD") == before
    assert (known["eu"], known["us"], "distilled-from") in edges(family.json("lineage", "us"))
    family.json("lineage", "unlink", "us", "eu", "--relation", "distilled-from")
    assert known["eu"] not in family.json("lineage", "us")["upstream"]
    error = family.cli("--json", "lineage", "unlink", "clean.csv", "raw.csv", "--relation", "x", code=3).error
    assert error["hint"] == "modelver lineage unlink clean.csv raw.csv --relation derived-from"
    assert family.json("verify")["problems"] == []


def test_a_cycle_is_refused(family: World) -> None:
    """`lineage link`: exit 4 with the way round; nothing is written."""
    before = family.git("rev-parse", "HEAD")
    error = family.cli("--json", "lineage", "link", "raw.csv", "eu", code=4).error
    assert "would close a cycle" in error["message"]
    assert "clean.csv" in error["hint"]
    family.cli("lineage", "link", "raw.csv", "raw.csv", code=4)
    assert family.git("rev-parse", "HEAD") == before


def test_a_cycle_by_merge_is_reported(family: World) -> None:
    """`verify`: exit 1, as nobody refused it; every query still ends."""
    family.git("branch", "other")
    family.cli("lineage", "add", "data", "x", "--uri", "s3://x")
    family.cli("lineage", "link", "x", "raw.csv")
    family.git("switch", "-q", "other")
    family.cli("lineage", "add", "data", "x", "--uri", "s3://x")
    family.cli("lineage", "link", "raw.csv", "x")
    family.git("merge", "-q", "-X", "ours", "-m", "both", "main")
    problems = family.json("verify", code=1)["problems"]
    assert [problem["kind"] for problem in problems] == ["lineage"]
    assert "x" in problems[0]["detail"]
    assert "x" in family.json("lineage", "raw.csv")["upstream"]
    assert family.cli("lineage", "raw.csv").out


@pytest.mark.parametrize("id", ["with space.csv", "ümlaut/日本.csv", '"quoted" <b>', "-dash", "a@b", "x\\y", "é" * 200])
def test_odd_names_survive(world: World, id: str) -> None:
    """Lineage: ids with spaces, Unicode, quotes, a dash, in records and in every form."""
    world.json("lineage", "add", "data", "--uri", "s3://bucket/x", "--", id)
    world.json("lineage", "add", "data", "up")
    world.json("lineage", "link", "--", id, "up")
    answer = world.json("lineage", "--", id)
    assert (answer["node"], answer["upstream"]) == (id, ["up"])
    for format in ("dot", "mermaid", "tree"):
        assert world.cli("lineage", "--format", format, "--", id).out
    assert world.json("verify")["problems"] == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("add", "weights", "x"), 2),
        (("add", "data", ""), 2),
        (("add", "data", "x", "--path", "nothing"), 2),
        (("add", "data", "x", "--path", "README.md", "--uri", "s3://x"), 2),
        (("add", "data", "x", "--uri", "s3://me:secret@bucket/x"), 2),
        (("add", "data", "x", "--store"), 2),
        (("add", "data"), 2),
        (("link", "nothing", "README.md"), 3),
        (("link", "fraud", "fraud~1", "--relation", "made of"), 2),
        (("nothing",), 3),
        (("fraud", "fraud~1"), 2),
        (("fraud", "--format", "pdf"), 2),
    ],
)
def test_what_is_refused(fraud: World, words: tuple[str, ...], code: int) -> None:
    """`lineage`: wrong words change nothing."""
    before = fraud.everything(but=[".git/modelver"])
    error = fraud.cli("--json", "lineage", *words, code=code).error
    assert "secret" not in json.dumps(error)
    assert fraud.everything(but=[".git/modelver"]) == before


def test_ten_thousand_versions(world: World) -> None:
    """Lineage: a chain of many versions is searched at once; how long it takes is printed."""
    count = 2_000
    first = "a" * 8
    files: dict[str, str] = {}
    former = None
    for number in range(count):
        version = f"v{20240101000000 + number // 3600 * 10000 + number // 60 % 60 * 100 + number % 60}_{number:08x}"
        parent = f"- kind: model\n  id: {former}\n  relation: fine-tuned-from\n" if former else ""
        moment = f"{version[1:5]}-{version[5:7]}-{version[7:9]}T{version[9:11]}:{version[11:13]}:{version[13:15]}Z"
        files[f".modelver/models/chain/versions/{version[1:7]}/{version[7:9]}/{version}.yaml"] = (
            f"format: 1\nmodel: chain\nversion: {version}\ncreated_at: '{moment}'\ncreated_by: A <a@b.c>\nmessage: ''\n"
            f"artifact:\n  path: m.bin\n  kind: file\n  digest: sha256:{number:08x}{first * 7}\n  size: 1\n  files: 1\n"
            f"inputs:\n- kind: data\n  id: data/{number // 2}\n  relation: trained-on\n"
            f"- kind: code\n  id: train.py\n  relation: trained-by\n{parent}"
        )
        former = version
    for path, text in files.items():
        world.write(path, text)
    world.git("add", ".modelver")
    world.git("commit", "-q", "-m", "a chain")
    answer = world.json("lineage", "chain", "--up")
    assert len(answer["upstream"]) == count - 1 + count // 2 + 1
    began = time.perf_counter()
    assert world.json("lineage", "chain", "--up") == answer
    print(f"lineage of {count} versions: {time.perf_counter() - began:.2f} s")
    tree = world.cli("lineage", "chain", "--up").out
    assert tree.count("\n") < 250
    assert len(world.json("lineage", "impact", "train.py")["models"]) == count


@pytest.mark.parametrize(("format", "begin"), [("svg", "<svg"), ("openlineage", '{"eventTime": ')])
def test_pictures_and_events(family: World, format: str, begin: str) -> None:
    """`lineage --format`: a picture by itself, and one event a version."""
    text = family.cli("lineage", "base", "--format", format).out
    assert text.startswith(begin)
    assert "clean.csv" in text
    if format == "openlineage":
        events = [json.loads(line) for line in text.splitlines()]
        assert sorted(event["job"]["name"] for event in events) == ["base", "eu", "us"]
        assert {event["job"]["namespace"] for event in events} == {"repo"}


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        ("https://me:hunter2@example.org/acme/fraud.git", "https://example.org/acme/fraud.git"),
        ("git@example.org:acme/fraud.git", "git@example.org:acme/fraud.git"),
        ("/srv/fraud.git", None),
        ("file:///srv/fraud.git", None),
    ],
)
def test_the_source_of_a_job_of_openlineage(world: World, origin: str, told: str | None) -> None:
    """`--format openlineage`: repository, commit and path of code that was committed, and of no other."""
    world.git("remote", "add", "origin", origin)
    world.write("train.py", "pass")
    world.git("add", "train.py")
    world.git("commit", "-q", "-m", "code")
    head = world.git("rev-parse", "HEAD").strip()
    world.write("m.bin", "1")
    world.json("add", "m.bin", "-n", "clean", "--code", "train.py")
    world.write("train.py", "changed")
    world.write("m.bin", "2")
    world.json("add", "m.bin", "-n", "dirty", "--code", "train.py")
    clean, dirty = (
        json.loads(world.cli("lineage", name, "--format", "openlineage").out) for name in ("clean", "dirty")
    )
    assert dirty["job"]["facets"] == {}
    assert [each["name"] for each in dirty["inputs"]] == ["train.py"]
    source = clean["job"]["facets"].get("sourceCodeLocation")
    assert (source and (source["repoUrl"], source["version"], source["path"])) == (told and (told, head, "train.py"))


def test_what_a_store_of_the_web_tells(world: World) -> None:
    """`--data URI`, `lineage add --uri`: entity tag, size and version are kept where it can be reached."""

    class Store(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response(200 if self.path == "/x" else 404)
            self.send_header("ETag", '"abc"')
            self.send_header("Content-Length", "123")
            self.send_header("x-amz-version-id", "v7")
            self.send_header("x-other", "no")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Store) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        uri = f"http://127.0.0.1:{server.server_port}"
        world.write("model.bin", "x")
        world.json("add", "model.bin", "--data", f"train={uri}/x", "--data", f"{uri}/gone")
        first, second = world.json("show", "model")["inputs"]
        told = {"etag": '"abc"', "size": 123, "version": "v7"}
        assert first == {"kind": "data", "id": "train", "relation": "trained-on", "uri": f"{uri}/x", **told}
        assert second == {"kind": "data", "id": f"{uri}/gone", "relation": "trained-on"}
        world.json("lineage", "add", "data", "again", "--uri", f"{uri}/x")
        metadata = world.json("lineage", "again")["subgraph"]["nodes"][0]["metadata"]
        assert metadata == {"uri": f"{uri}/x", **told}
        server.shutdown()
    world.json("lineage", "add", "data", "away", "--uri", f"{uri}/x")


@pytest.mark.parametrize(
    "uri",
    [
        "https://ghp_abcdefghijklmnop1234@h/x",
        "s3://b/x?X-Amz-Signature=abcdef",
        "https://h/x?token=zzz",
        "https://a:b@h/x",
    ],
)
def test_credentials_reach_no_record(fraud: World, uri: str) -> None:
    """Safe: a URI with a password, a token or a signature is refused wherever it is given."""
    before = fraud.git("rev-parse", "HEAD")
    for words in (
        ("add", "model.bin", "--metric", "auc=1", "--data", uri),
        ("add", "model.bin", "--metric", "auc=1", "--data", f"x={uri}"),
        ("lineage", "add", "data", uri),
        ("lineage", "add", "data", "x", "--uri", uri),
    ):
        ran = fraud.cli(*words, code=2)
        assert not any(part in ran.err for part in ("ghp_abc", "abcdef", "zzz", "a:b@"))
    assert fraud.git("rev-parse", "HEAD") == before


def test_what_a_node_says_again(world: World) -> None:
    """`lineage add`: what is not said again stays; no node file speaks for a version."""
    world.json("lineage", "add", "data", "t", "--path", "README.md", "--meta", "owner=risk", "-m", "why")
    answer = world.json("lineage", "add", "data", "t", "--uri", "s3://x", "--meta", "size=3")
    assert answer["digest"] == f"sha256:{sha256((world / 'README.md').read_bytes())}"
    assert (answer["uri"], answer["meta"]) == ("s3://x", {"owner": "risk", "size": 3})
    for kind in ("data", "code", "model"):
        world.cli("lineage", "add", kind, "v20240101120000_abcd1234", code=2)


def test_a_node_file_overrides_no_record(family: World) -> None:
    """Lineage: metadata of others hides neither a digest nor a stage."""
    eu = ids(family)["eu"]
    before = family.json("lineage", "impact", "raw.csv")
    name = "".join(c if c.isalnum() or c in "._-" else "-" for c in eu)[:48]
    path = f".modelver/lineage/model/{name}-{sha256(eu)[:8]}.yaml"
    record = (
        f"format: 1\nkind: model\nid: {eu}\ncreated_at: '2024-01-01T00:00:00Z'\ncreated_by: x\nmeta:\n  model: other\n"
    )
    family.commit({path: record})
    family.cli("lineage", "add", "data", "raw.csv", "--meta", "digest=sha256:zzz")
    assert family.json("lineage", "impact", "raw.csv") == before
    nodes = {node["id"]: node["metadata"] for node in family.json("lineage", "raw.csv")["subgraph"]["nodes"]}
    assert nodes["raw.csv"]["digest"] == f"sha256:{sha256('raw')}"
    assert nodes[eu]["model"] == "eu"


def test_links_of_the_file_system_are_followed(world: World) -> None:
    """Data and code often lie elsewhere, behind a link; one that leads nowhere is refused."""
    world.write("store/data.csv", "1,2\n")
    (world / "data").symlink_to("store")
    (world / "one.csv").symlink_to("store/data.csv")
    (world / "gone.csv").symlink_to("nothing")
    world.write("model.bin", "x")
    world.json("add", "model.bin", "--data", "data", "--data", "one.csv")
    inputs = world.json("show", "model")["inputs"]
    assert inputs[1]["digest"] == f"sha256:{sha256('1,2' + chr(10))}"
    (world / "link.bin").symlink_to("model.bin")
    assert world.json("identify", "link.bin")["model"] == "model"
    world.cli("add", "model.bin", "--data", "gone.csv", code=2)


def test_one_name_for_two_things_is_refused(world: World) -> None:
    """`--data`: a name given twice means one thing; the same thing twice counts once."""
    world.write("model.bin", "x")
    world.commit({"a.csv": "a", "b.csv": "b"})
    world.cli("add", "model.bin", "--data", "t=a.csv", "--data", "t=b.csv", code=2)
    world.json("add", "model.bin", "--data", "t=a.csv", "--data", "t=a.csv")
    assert len(world.json("show", "model")["inputs"]) == 1


def test_data_and_code_of_one_name(world: World) -> None:
    """`lineage`: the data is meant, and with --kind code the code."""
    world.write("model.bin", "x")
    world.commit({"train.py": "a"})
    world.json("add", "model.bin", "--data", "train.py", "--code", "train.py")
    for kind in ("data", "code"):
        answer = world.json("lineage", "train.py", "--kind", kind)
        assert {node["kind"] for node in answer["subgraph"]["nodes"] if node["id"] == "train.py"} == {kind}
    assert world.json("lineage", "impact", "train.py")["models"]


def test_versions_of_other_branches(fraud: World) -> None:
    """B4: found by an id or its beginning; `identify` says that labels and stages there are not looked at."""
    fraud.git("switch", "-q", "-c", "other")
    fraud.write("data.csv", "1")
    added = fraud.add("unmerged", inputs=[modelver.Data(fraud / "data.csv")])
    fraud.git("switch", "-q", "main")
    for ref in (added.version, added.version[-8:]):
        assert fraud.json("lineage", ref)["upstream"] == ["data.csv"]
    fraud.write("copy.bin", "unmerged")
    ran = fraud.cli("identify", "copy.bin")
    assert added.version in ran.out
    assert "is on another branch" in ran.err


def test_a_model_from_elsewhere_is_no_version(world: World) -> None:
    """`lineage impact`: it stands among the others."""
    world.json("lineage", "add", "data", "t")
    world.json("lineage", "add", "model", "hf/bert", "--meta", "model=x")
    world.json("lineage", "link", "hf/bert", "t")
    answer = world.json("lineage", "impact", "t")
    assert (answer["models"], answer["others"]) == ([], ["hf/bert"])


@pytest.mark.parametrize(
    "words", [("path", "a", "b", "--format", "dot"), ("impact", "x", "--depth", "1"), ("fraud", "--uri", "s3://x")]
)
def test_options_of_other_words_are_refused(fraud: World, words: tuple[str, ...]) -> None:
    """`lineage`: an option that would do nothing is a mistake."""
    assert "does not take all of these options" in fraud.cli("lineage", *words, code=2).err
