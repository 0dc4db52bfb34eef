"""A part of the lineage as a tree, for Graphviz and Mermaid, as a picture, and as events of OpenLineage."""

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote
from uuid import UUID
from xml.etree.ElementTree import fromstring

import pytest
from differences import HOSTILE, REQUIRED, TEXTS
from hypothesis import example, given, settings
from hypothesis import strategies as st

from modelver.domain.lineage import KINDS, Edge, Lineage, Node, Selection
from modelver.domain.names import version_id
from modelver.domain.text import printable
from modelver.errors import UsageError
from modelver.reports import lineage
from modelver.reports.lineage_svg import svg
from modelver.reports.markup import plain
from modelver.reports.openlineage import events, openlineage

A, B = "sha256:ab12" + "0" * 60, "sha256:cd34" + "0" * 60
SVG = "{http://www.w3.org/2000/svg}"
IDS = (
    st.text() | TEXTS | st.sampled_from([*HOSTILE, "end", "a --> b", "n0", "*/ -->", '"];', "#35;", "\\n", "%%{init}"])
)


def version(number):
    return version_id(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=number), A)


def made(down, up, relation="trained-on", digest=None):
    return Edge(down=down, up=up, relation=relation, digest=digest)


def part(*edges, root, nodes=(), **options):
    graph = Lineage(nodes, edges)
    return graph.subgraph(root if isinstance(root, Selection) else graph.select(root), **options)


def known(number, **metadata):
    return Node(kind="model", id=version(number), metadata={"model": "fraud", **metadata})


V1, V2 = ("model", version(1)), ("model", version(2))
FRAUD = part(
    made(("data", "train"), ("data", "raw"), "derived-from"),
    made(V1, ("data", "train"), digest=A),
    made(V2, ("data", "train"), digest=B),
    made(V2, V1, "fine-tuned-from"),
    made(V2, ("code", "train.py"), "trained-by"),
    nodes=[known(1), known(2)],
    root=version(2),
)


def of_all_kinds(id, relation="trained-on"):
    """A version that is named like its data and its code."""
    nodes = [Node(kind=kind, id=id, metadata={"model": id} if kind == "model" else {}) for kind in KINDS]
    edges = [made(("model", id), (kind, id), relation, A) for kind in ("data", "code")]
    return part(*edges, nodes=nodes, root=Selection(kind="model", id=id))


def chain(count, inputs=1):
    edges = [made(("model", version(n + 1)), ("model", version(n)), "fine-tuned-from") for n in range(count)]
    edges += [made(("model", version(n + 1)), ("data", f"{n}/{i}")) for n in range(count) for i in range(inputs)]
    return part(*edges, root=version(count))


# ---- the terminal ------------------------------------------------------------------------------------------------


def test_the_tree_shows_relation_and_digest_and_expands_a_node_once():
    assert lineage.tree(FRAUD, "up", 20).splitlines() == [
        f"model: {version(2)} (fraud)",
        "├── code: train.py  trained-by",
        "├── data: train  trained-on sha256:cd340000",
        "│   └── data: raw  derived-from",
        f"└── model: {version(1)} (fraud)  fine-tuned-from",
        "    └── data: train  trained-on sha256:ab120000  (above)",
    ]


def test_the_tree_goes_down_as_well_and_names_the_digest_that_was_asked_for():
    edges = [made(V1, ("data", "x"), digest=A), made(V2, V1, "fine-tuned-from"), made(V2, ("data", "x"), digest=A)]
    down = part(*edges, root=Selection(kind="data", id="x", digest=A), up=False)
    assert lineage.tree(down, "down", 20).splitlines() == [
        "data: x sha256:ab120000",
        f"├── model: {version(1)}  trained-on sha256:ab120000",
        f"│   └── model: {version(2)}  fine-tuned-from  (below)",
        f"└── model: {version(2)}  trained-on sha256:ab120000",
    ]


def test_a_long_tree_is_cut_with_the_number_of_nodes_that_it_leaves_out():
    star = part(*(made(("model", version(n)), ("data", "x")) for n in range(5000)), root="x")
    lines = lineage.tree(star, "down", 40).splitlines()
    assert len(lines) == 40
    assert lines[-1] == "… and 4,962 more"


def test_what_is_near_is_shown_before_what_is_far():
    """The inputs of the version itself are not pushed out by those of its ancestors."""
    lines = lineage.tree(chain(300, inputs=3), "up", 10).splitlines()
    assert [line for line in lines if "299/" in line] == lines[1:4]
    assert len(lines) == 10


def test_only_edges_to_nodes_that_are_shown_may_be_left_out():
    edges = [made(V1, ("data", "x"), f"r{n}") for n in range(9)]
    assert lineage.tree(part(*edges, root=version(1)), "up", 4).splitlines()[-1] == "… and 7 more edges"


@given(
    edges=st.lists(
        st.builds(made, *[st.tuples(st.sampled_from(KINDS), st.sampled_from("abc"))] * 2, st.just("r")), max_size=12
    ),
    limit=st.integers(2, 16),
    direction=st.sampled_from(["up", "down"]),
)
def test_a_tree_has_every_edge_once_in_no_more_lines_than_it_may_have_cycles_or_not(edges, limit, direction):
    root = Selection(kind="data", id="a")
    graph = Lineage([Node(kind="data", id="a")], edges)
    found = graph.subgraph(root, up=direction == "up", down=direction == "down")
    lines = lineage.tree(found, direction, limit).splitlines()
    assert len(lines) <= limit
    if len(found.edges) < limit:
        assert len(lines) == len(found.edges) + 1
        assert sum(not line.endswith(("(above)", "(below)")) for line in lines) == len(found.nodes)
    else:
        assert lines[-1].startswith("… and ")


@given(id=IDS)
def test_nothing_in_an_id_acts_on_a_terminal(id):
    text = lineage.tree(of_all_kinds(id, "r" + id), "up", 10)
    assert all(printable(line) == line for line in text.split("\n"))
    assert text.count("\n") == 3


# ---- Graphviz ----------------------------------------------------------------------------------------------------

NODE = re.compile(r'  "([^"\\&]*)" \[label="((?:[^"\\]|\\.)*)", shape=\w+(?:, penwidth=2)?\];')
EDGE = re.compile(r'  "([^"\\&]*)" -> "([^"\\&]*)" \[label="((?:[^"\\]|\\.)*)"\];')


def id_of(name):
    return unquote(name.partition(":")[2], errors="surrogatepass")


@given(id=IDS)
@example(id="100%25.csv")
def test_any_id_survives_dot(id):
    lines = lineage.dot(of_all_kinds(id, "r" + id)).split("\n")[4:-2]
    nodes = [match for line in lines if (match := NODE.fullmatch(line))]
    edges = [match for line in lines if (match := EDGE.fullmatch(line))]
    assert len(nodes) + len(edges) == len(lines) == 5
    assert [id_of(match[1]) for match in nodes] == [id] * 3
    assert {id_of(match[n]) for match in edges for n in (1, 2)} == {id}
    assert {match[1] for match in edges} < {match[1] for match in nodes}


def graphviz(text, form):
    if shutil.which("dot") is None and not REQUIRED:
        pytest.skip("graphviz is not installed")
    done = subprocess.run(["dot", f"-T{form}"], input=text.encode(), capture_output=True, check=True)
    assert not done.stderr
    return done.stdout.decode()


@pytest.mark.parametrize("id", [*HOSTILE, "end", "a -> b", '"];', "data/train set.csv", "x\\", "port:n"])
def test_graphviz_reads_the_graph_with_the_very_ids_and_labels(id):
    found = of_all_kinds(id, "r" + id)
    nodes = json.loads(graphviz(lineage.dot(found), "json"))["objects"]
    assert [(each["name"].partition(":")[0], id_of(each["name"])) for each in nodes] == [
        each.key for each in found.nodes
    ]
    shown = [text.text for text in fromstring(graphviz(lineage.dot(found), "svg")).iter(f"{SVG}text")]
    labels = [lineage.described(node) for node in found.nodes] + [lineage.told(edge) for edge in found.edges]
    assert sorted(map(packed, shown)) == sorted(map(packed, labels))


def packed(text):
    """A label as it is seen in SVG, in which many spaces look like one."""
    return " ".join(plain(text).replace("\xa0", " ").split())


# ---- Mermaid -----------------------------------------------------------------------------------------------------

# The characters that stand in a quoted label: letters and digits of any script, a few more, and entities.
LABEL = r'"(?:[^\W_]|[ ./_-]|#[0-9]+;)*"'
STATEMENT = re.compile(
    rf"  (?:n\d+(?:\[\({LABEL}\)\]|\[/{LABEL}/\]|\[{LABEL}\])|n\d+ -->\|{LABEL}\| n\d+|style n\d+ stroke-width:3px)"
)


def shown_by_mermaid(line):
    label = line[line.index('"') + 1 : line.rindex('"')]
    return re.sub("#([0-9]+);", lambda match: chr(int(match[1])), label)


@given(id=IDS)
@example(id="end")
@example(id="<script>alert(1)</script>")
def test_any_id_is_nothing_but_text_to_mermaid(id):
    found = of_all_kinds(id, "r" + id)
    first, *lines, last = lineage.mermaid(found).split("\n")
    assert (first, last) == ("flowchart LR", "")
    assert all(STATEMENT.fullmatch(line) for line in lines)
    assert len(lines) == 3 + 2 + 1
    labels = [lineage.described(node) for node in found.nodes] + [lineage.told(edge) for edge in found.edges]
    assert [shown_by_mermaid(line) for line in lines[:-1]] == [printable(each) for each in labels]


def test_mermaid_tells_kinds_by_shapes_and_the_root_by_its_border():
    lines = lineage.mermaid(FRAUD).splitlines()
    assert lines[1:4] == ['  n0[/"code#58; train.py"/]', '  n1[("data#58; raw")]', '  n2[("data#58; train")]']
    assert lines[4] == f'  n3["model#58; {version(1)} #40;fraud#41;"]'
    assert '  n2 -->|"trained-on sha256#58;ab120000"| n3' in lines
    assert lines[-1] == "  style n4 stroke-width:3px"


@pytest.mark.parametrize("graph", [chain(300), part(made(V1, ("data", "x" * 50_000)), root=version(1))])
def test_what_mermaid_would_not_draw_on_github_is_refused(graph):
    with pytest.raises(UsageError) as caught:
        lineage.mermaid(graph)
    assert "--depth" in caught.value.hints[0]


# ---- the picture -------------------------------------------------------------------------------------------------


def boxes(picture):
    """The left and upper corner of each box, by the title of the box."""
    found = {}
    for group in picture.iter(f"{SVG}g"):
        shape = group.find(f"{SVG}rect")
        if shape is not None:
            corner = float(shape.get("x")), float(shape.get("y"))
        else:
            x, y = re.match(r"M([\d.]+) ([\d.]+)", group.find(f"{SVG}path").get("d")).groups()
            corner = float(x), float(y) - (4 if group.find(f"{SVG}ellipse") is not None else 0)
        found[group.find(f"{SVG}title").text] = corner
    return found


def test_the_picture_shows_kind_model_id_and_relation_in_words():
    texts = [each.text for each in fromstring(svg(FRAUD)).iter(f"{SVG}text")]
    assert texts[0] == f"Lineage of model: {version(2)} (fraud)"
    assert {"code", "train.py", "data", "raw", "train", "model · fraud", version(1), version(2)} <= set(texts)
    assert {"trained-on", "trained-by", "derived-from", "fine-tuned-from"} <= set(texts)


KEYS = st.tuples(st.sampled_from(KINDS), st.sampled_from("abcde"))


@given(edges=st.lists(st.builds(made, KEYS, KEYS), max_size=25))
@settings(deadline=None)
def test_boxes_do_not_touch_and_upstream_is_left_where_there_is_no_cycle(edges):
    graph = Lineage([Node(kind="data", id="a")], edges)
    found = graph.subgraph(Selection(kind="data", id="a"))
    picture = fromstring(svg(found))
    corners = boxes(picture)
    assert len(corners) == len(found.nodes)
    places = sorted(corners.values())
    assert all(
        abs(a[0] - b[0]) >= 216 + 20 or abs(a[1] - b[1]) >= 48 + 20
        for number, a in enumerate(places)
        for b in places[:number]
    )
    width, height = float(picture.get("width")), float(picture.get("height"))
    assert all(24 <= x <= width - 216 - 24 and 72 <= y <= height - 48 - 24 for x, y in places)
    lines = [path for path in picture.iter(f"{SVG}path") if path.get("class") == "edge"]
    assert len(lines) == len({(edge.up, edge.down) for edge in found.edges})
    if not graph.cycles():
        at = {node.key: corners[lineage.described(node)][0] for node in found.nodes}
        assert all(at[edge.up] < at[edge.down] for edge in found.edges)


@given(id=IDS)
@settings(deadline=None)
def test_the_picture_is_inert_whatever_people_write(id):
    picture = fromstring(svg(of_all_kinds(id, "r" + id)))
    tags = {each.tag.removeprefix(SVG) for each in picture.iter()}
    assert tags <= {"svg", "title", "desc", "style", "marker", "path", "rect", "g", "text", "ellipse"}
    attributes = {(name, value) for each in picture.iter() for name, value in each.attrib.items()}
    assert not [name for name, _ in attributes if name.startswith("on") or "href" in name]
    assert {value for _, value in attributes if "url" in value} == {"url(#head)"}
    titles = [each.find(f"{SVG}title").text for each in picture.iter(f"{SVG}g")]
    assert f"code: {plain(id)}" in titles


def test_texts_that_are_too_long_for_a_box_lose_their_middle():
    found = part(made(V1, ("data", "資料" * 30 + "/train.parquet")), root=version(1))
    texts = [each.text for each in fromstring(svg(found)).iter(f"{SVG}text")]
    assert "資料資料資料…rain.parquet" in texts


def test_the_picture_is_the_same_every_time():
    """Also in another process, in which Python orders its sets otherwise."""
    program = "import test_lineage_reports as t; print(t.svg(t.chain(12, inputs=3)), end='')"
    shown = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parent)},
            capture_output=True,
            check=True,
            encoding="utf-8",
        ).stdout
        for seed in ("1", "2")
    }
    assert shown == {svg(chain(12, inputs=3))}


def test_cycles_that_a_merge_brought_are_drawn():
    """On these the layout alone would never end."""
    lines = "04 08 16 28 37 39 45 47 49 54 57 59 65 69 79 85 86 97 98"
    edges = [made(("model", down), ("model", up)) for up, down in lines.split()]
    found = part(*edges, root="5")
    picture = fromstring(svg(found))
    assert len(boxes(picture)) == 10
    assert len([path for path in picture.iter(f"{SVG}path") if path.get("class") == "edge"]) == 19


def test_a_line_of_a_cycle_goes_from_the_left_of_one_box_back_to_the_right_of_another():
    picture = fromstring(svg(part(made(V2, V1), made(V1, V2), root=version(1))))
    (first, second) = sorted(boxes(picture).values())
    ends = [
        tuple(map(float, re.search(r"M([\d.]+) .* ([\d.]+) [\d.]+$", path.get("d")).groups()))
        for path in picture.iter(f"{SVG}path")
        if path.get("class") == "edge"
    ]
    assert sorted(ends) == sorted([(first[0] + 216, second[0]), (second[0], first[0] + 216)])


def test_a_picture_that_nobody_could_read_is_refused_with_what_helps():
    with pytest.raises(UsageError, match="601 nodes are more than the 500") as caught:
        svg(chain(300))
    assert "--depth" in caught.value.hints[0]
    with pytest.raises(UsageError, match="2,001 edges"):
        svg(part(*(made(V1, ("data", "x"), f"r{n}") for n in range(2001)), root=version(1)))


def test_lines_below_the_lowest_box_are_in_the_picture():
    """A long line goes where there is room, as from data to the last of many versions."""
    edges = [made(("model", version(n + 1)), ("model", version(n)), "fine-tuned-from") for n in range(4)]
    edges += [made(("model", version(n)), ("code", f"{n}.py")) for n in range(5)]
    edges += [made(("model", version(n)), ("data", "train")) for n in range(5)]
    picture = fromstring(svg(part(*edges, root=version(4))))
    lines = [path.get("d") for path in picture.iter(f"{SVG}path") if path.get("class") == "edge"]
    lowest = max(float(y) for line in lines for y in re.findall(r"[\d.]+ ([\d.]+)", line))
    assert lowest > max(y for _, y in boxes(picture).values()) + 48
    assert lowest < float(picture.get("height"))


def test_a_line_passes_its_places_in_order_also_backwards():
    ring = [made(("model", version(n + 1)), ("model", version(n))) for n in range(5)]
    back = made(("model", version(0)), ("model", version(5)))
    for path in fromstring(svg(part(*ring, back, root=version(0)))).iter(f"{SVG}path"):
        if path.get("class") == "edge":
            across = [float(x) for x in re.findall(r"([\d.]+) [\d.]+(?=C|$)", path.get("d"))]
            assert across in (sorted(across), sorted(across, reverse=True))


# ---- OpenLineage -------------------------------------------------------------------------------------------------

COMMIT = "a" * 40


def facets(dataset):
    return {name: told for name, told in dataset["facets"].items() if name not in ("datasetType", "tags")}


def test_each_version_is_a_finished_run_of_its_model_the_oldest_first():
    first, second = events(FRAUD, "acme")
    assert [first["eventType"], first["eventTime"]] == ["COMPLETE", "2024-01-01T01:00:00Z"]
    assert first["job"] == {"namespace": "acme", "name": "fraud", "facets": {}}
    assert [each["name"] for each in second["inputs"]] == ["train.py", "train", "fraud"]
    assert [facets(each).get("version", {}).get("datasetVersion") for each in second["inputs"]] == [
        None,
        B,
        version(1),
    ]
    (output,) = second["outputs"]
    assert (output["namespace"], output["name"]) == ("acme", "fraud")
    assert facets(output)["version"]["datasetVersion"] == version(2)
    assert output["facets"]["datasetType"]["datasetType"] == "MODEL"
    assert [each["facets"]["tags"]["tags"][0]["value"] for each in second["inputs"]] == [
        "trained-by",
        "trained-on",
        "fine-tuned-from",
    ]


def test_the_run_of_a_version_has_the_same_id_everywhere():
    ids = [event["run"]["runId"] for event in events(FRAUD, "acme")]
    assert ids == [event["run"]["runId"] for event in events(FRAUD, "other", producer="https://example.org")]
    assert len(set(ids)) == 2
    assert {UUID(id).version for id in ids} == {5}


@pytest.mark.parametrize(
    ("repository", "url"),
    [
        ("https://example.org/acme/fraud.git", "https://example.org/acme/fraud.git"),
        ("git@example.org:acme/fraud.git", "ssh://git@example.org/acme/fraud.git"),
    ],
)
def test_code_of_a_known_commit_is_the_source_of_the_job(repository, url):
    found = part(
        made(V1, ("code", "train.py"), "trained-by"),
        made(V1, ("code", "more.py"), "trained-by"),
        nodes=[known(1, commit=COMMIT)],
        root=version(1),
    )
    (event,) = events(found, "acme", repository=repository)
    source = event["job"]["facets"]["sourceCodeLocation"]
    assert (source["type"], source["url"], source["repoUrl"]) == ("git", url, repository)
    assert (source["path"], source["version"]) == ("more.py", COMMIT)
    assert [each["name"] for each in event["inputs"]] == ["train.py"]
    assert events(found, "acme")[0]["job"]["facets"] == {}


def test_data_from_elsewhere_names_its_source():
    node = Node(kind="data", id="x", metadata={"uri": "s3://bucket/a b/[1]\n.csv"})
    (event,) = events(part(made(V1, ("data", "x")), nodes=[node], root=version(1)), "acme")
    assert event["inputs"][0]["facets"]["dataSource"]["uri"] == "s3://bucket/a%20b/%5B1%5D%0A.csv"


def test_a_model_from_elsewhere_is_an_input_and_no_run():
    (event,) = events(part(made(V1, ("model", "hub/base"), "fine-tuned-from"), root=version(1)), "acme")
    assert event["inputs"][0]["name"] == "hub/base"
    assert facets(event["inputs"][0])["version"]["datasetVersion"] == "hub/base"


def rebuilt(event):
    """The event by the classes of the client library, which check it, from its JSON."""
    from openlineage.client import event_v2

    datasets = {
        name: [kind(each["namespace"], each["name"], facets=each["facets"]) for each in event[name]]
        for name, kind in (("inputs", event_v2.InputDataset), ("outputs", event_v2.OutputDataset))
    }
    return event_v2.RunEvent(
        eventType=event_v2.RunState[event["eventType"]],
        eventTime=event["eventTime"],
        producer=event["producer"],
        run=event_v2.Run(**event["run"]),
        job=event_v2.Job(**event["job"]),
        **datasets,
    )


@given(id=IDS, uri=IDS)
@example(id="x", uri="\ud800 [")
@settings(deadline=None)
def test_any_id_survives_openlineage(id, uri):
    found = part(
        made(V1, ("data", id), digest=A),
        made(V1, ("code", id)),
        nodes=[known(1, commit=COMMIT), Node(kind="data", id=id, metadata={"uri": f"s3://{uri}"})],
        root=version(1),
    )
    from openlineage.client.serde import Serde

    (line,) = openlineage(found, id, repository="https://example.org").splitlines()
    event = json.loads(line)
    assert event == Serde.to_dict(rebuilt(event))
    assert (event["job"]["namespace"], event["inputs"][0]["name"]) == (id, id)
    assert event["job"]["facets"]["sourceCodeLocation"]["path"] == id
