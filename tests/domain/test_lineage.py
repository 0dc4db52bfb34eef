"""What was made of what: searches over the graph of data, code and models."""

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelver.domain.lineage import KINDS, Edge, Lineage, Node, Selection, as_json
from modelver.errors import NotFound, UsageError

A, B = "sha256:ab12" + "0" * 60, "sha256:ab13" + "0" * 60


def data(id):
    return "data", id


def model(id):
    return "model", id


def made(down, up, relation="trained-on", digest=None):
    return Edge(down=down, up=up, relation=relation, digest=digest)


def lineage(*edges, nodes=()):
    return Lineage(nodes, edges)


# Two releases of a model on two versions of the same data, both from one source, and a third model on other data.
FRAUD = lineage(
    made(data("train"), data("raw"), "derived-from"),
    made(data("test"), data("raw"), "derived-from"),
    made(model("v1"), data("train"), digest=A),
    made(model("v2"), data("train"), digest=B),
    made(model("v2"), model("v1"), "fine-tuned-from"),
    made(model("v2"), data("test"), "evaluated-on"),
    made(model("v2"), ("code", "train.py"), "trained-by"),
    made(model("other"), data("else")),
)


# ---- against the plain reading of the words ----------------------------------------------------------------------

KEYS = st.tuples(st.sampled_from(KINDS), st.sampled_from("abcd"))
EDGES = st.builds(
    Edge,
    down=KEYS,
    up=KEYS,
    relation=st.sampled_from(["trained-on", "derived-from"]),
    digest=st.sampled_from([None, A, B]),
)
RELATIONS = st.none() | st.sets(st.sampled_from(["trained-on", "derived-from", "unheard-of"]))
SOME_KINDS = st.none() | st.sets(st.sampled_from(KINDS))


def reached(edges, key, up, steps, relations, start):
    """All nodes in at most so many steps: the sets that the words describe."""
    ways = [
        (edge.down, edge.up) if up else (edge.up, edge.down)
        for edge in edges
        if (relations is None or edge.relation in relations)
        and (start.digest is None or edge.up != start.key or edge.digest == start.digest)
    ]
    found = {key}
    for _ in range(steps):
        found = found | {there for here, there in ways if here in found}
    return found


@given(
    edges=st.lists(EDGES, max_size=12),
    start=st.builds(
        Selection, kind=st.sampled_from(KINDS), id=st.sampled_from("abcd"), digest=st.sampled_from([None, A])
    ),
    depth=st.integers(0, 4),
    kinds=SOME_KINDS,
    relations=RELATIONS,
)
def test_a_search_finds_what_the_edges_lead_to_the_nearest_first(edges, start, depth, kinds, relations):
    graph = lineage(*edges, nodes=[Node(kind=start.kind, id=start.id)])
    for up, search in ((True, graph.upstream), (False, graph.downstream)):
        found = search(start, depth, kinds=kinds, relations=relations)
        levels = [reached(edges, start.key, up, steps, relations, start) for steps in range(depth + 1)]
        wanted = [
            id
            for level, before in zip(levels[1:], levels, strict=False)
            for id in {id for kind, id in level - before - {start.key} if kinds is None or kind in kinds}
        ]
        assert set(found) == set(wanted)
        assert len(found) == len(set(found))
        first_level = {id: min(n for n, level in enumerate(levels) for k in level if k[1] == id and k != start.key
                               and (kinds is None or k[0] in kinds)) for id in found}  # fmt: skip
        assert [first_level[id] for id in found] == sorted(first_level.values())


@given(edges=st.lists(EDGES, max_size=12), key=KEYS, relations=RELATIONS, depth=st.none() | st.integers(0, 3))
def test_the_subgraph_has_all_that_the_searches_find_and_all_edges_between(edges, key, relations, depth):
    graph = lineage(*edges, nodes=[Node(kind=key[0], id=key[1])])
    start = Selection(kind=key[0], id=key[1])
    part = graph.subgraph(start, depth=depth, relations=relations)
    steps = 12 if depth is None else depth
    kept = reached(edges, key, True, steps, relations, start) | reached(edges, key, False, steps, relations, start)
    assert [node.key for node in part.nodes] == sorted(kept)
    wanted = {
        each
        for each in edges
        if each.up in kept and each.down in kept and (relations is None or each.relation in relations)
    }
    assert set(part.edges) == wanted
    assert len(part.edges) == len(wanted)


@given(edges=st.lists(EDGES, max_size=12), kinds=st.sets(st.sampled_from(KINDS)), key=KEYS)
def test_where_only_some_kinds_are_listed_the_subgraph_still_connects_them_with_the_root(edges, kinds, key):
    graph = lineage(*edges, nodes=[Node(kind=key[0], id=key[1])])
    start = Selection(kind=key[0], id=key[1])
    part = graph.subgraph(start, kinds=kinds)
    again = Lineage(part.nodes, part.edges)
    assert set(again.upstream(start, kinds=kinds)) == set(graph.upstream(start, kinds=kinds))
    assert set(again.downstream(start, kinds=kinds)) == set(graph.downstream(start, kinds=kinds))
    assert len(part.nodes) <= len(graph.subgraph(start).nodes)


@given(edges=st.lists(EDGES, max_size=12), a=KEYS, b=KEYS)
def test_a_path_is_a_chain_of_edges_and_no_shorter_one_exists(edges, a, b):
    graph = lineage(*edges, nodes=[Node(kind=kind, id=id) for kind, id in (a, b)])
    start, end = (Selection(kind=kind, id=id) for kind, id in (a, b))
    far = [
        min((n for n in range(13) if b in reached(edges, a, up, n, None, start)), default=None) for up in (True, False)
    ]
    far = [n for n in far if n is not None]
    if not far:
        with pytest.raises(NotFound):
            graph.path(start, end)
        return
    found = graph.path(start, end)
    assert len(found) == min(far)
    assert set(found) <= set(edges)
    here, up = a, [edge.down for edge in found[:1]] == [a]
    for edge in found:
        assert here == (edge.down if up else edge.up)
        here = edge.up if up else edge.down
    assert here == b


@given(edges=st.lists(EDGES, max_size=12), down=KEYS, up=KEYS)
def test_an_edge_closes_a_cycle_where_the_upper_node_was_made_of_the_lower(edges, down, up):
    found = lineage(*edges).closes_cycle(down, up)
    closes = up in reached(edges, down, False, 12, None, Selection(kind=down[0], id=down[1]))
    assert (found is not None) == closes
    if found is not None:
        assert (found[0], found[-1]) == (down[1], up[1])
        ids = {(edge.up[1], edge.down[1]) for edge in edges}
        assert all(step in ids for step in itertools.pairwise(found))


@given(edges=st.lists(EDGES, max_size=12))
def test_a_cycle_is_told_where_there_is_one_and_only_there(edges):
    found = lineage(*edges).cycles()
    loops = [
        edge
        for edge in edges
        if edge.up in reached(edges, edge.down, False, 12, None, Selection(kind=edge.down[0], id=edge.down[1]))
    ]
    assert bool(found) == bool(loops)
    ids = {(edge.up[1], edge.down[1]) for edge in loops}
    for cycle in found:
        assert cycle[0] == cycle[-1]
        assert all(step in ids for step in itertools.pairwise(cycle))
    assert [len(cycle) for cycle in found] == sorted(len(cycle) for cycle in found)


# ---- selecting ---------------------------------------------------------------------------------------------------


def test_a_node_is_selected_by_its_id():
    assert FRAUD.select("train") == Selection(kind="data", id="train")
    assert FRAUD.downstream(FRAUD.select("train")) == ("v1", "v2")


@pytest.mark.parametrize("prefix", ["ab12", "AB120", "ab12" + "0" * 60])
def test_a_digest_selects_the_edges_that_used_it(prefix):
    """Bad data in one version of a file touches what was made of that version, not of the others."""
    selected = FRAUD.select(f"train@sha256:{prefix}")
    assert selected.digest == A
    assert str(selected) == f"train@{A}"
    assert FRAUD.downstream(selected, 1) == ("v1",)
    assert FRAUD.downstream(FRAUD.select("train@sha256:ab13")) == ("v2",)
    assert [edge.digest for edge in FRAUD.subgraph(selected, up=False, depth=1).edges] == [A]
    with pytest.raises(NotFound):
        lineage(made(model("v1"), data("x"), digest=A), made(model("v2"), data("x"), digest=B)).path(
            Selection(kind="model", id="v2"), Selection(kind="data", id="x", digest=A)
        )


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ("ab1", "'ab1' is no beginning of a digest"),
        ("abxy", "'abxy' is no beginning of a digest"),
        ("ab14", "no version of 'train' has a digest with 'ab14'"),
    ],
)
def test_a_digest_that_selects_nothing_is_told(prefix, message):
    with pytest.raises(NotFound, match=message):
        FRAUD.select(f"train@sha256:{prefix}")


def test_a_digest_that_several_versions_share_is_told_with_these():
    graph = lineage(*(made(model(f"v{n}"), data("x"), digest=f"sha256:abcd{n}" + "0" * 59) for n in range(2)))
    with pytest.raises(NotFound, match="more than one version of 'x'") as caught:
        graph.select("x@sha256:abcd")
    assert [hint[:14] for hint in caught.value.hints] == ["x@sha256:abcd0", "x@sha256:abcd1"]


def test_a_version_of_data_that_nothing_uses_is_known_by_its_own_digest():
    graph = lineage(nodes=[Node(kind="data", id="new", metadata={"digest": A})])
    assert graph.select("new@sha256:ab12").digest == A


def test_an_id_that_looks_like_a_digest_is_an_id_first():
    assert lineage(nodes=[Node(kind="data", id="x@sha256:ab12")]).select("x@sha256:ab12").digest is None


def test_an_id_of_several_kinds_needs_the_kind():
    graph = lineage(made(model("v1"), data("x")), made(model("v1"), ("code", "x")))
    with pytest.raises(NotFound) as caught:
        graph.select("x")
    assert caught.value.hints == ["data x", "code x"]
    assert graph.select("x", "code").kind == "code"
    with pytest.raises(UsageError, match="'table' is no kind of node"):
        graph.select("x", "table")


def test_an_unknown_id_is_told_with_the_nearest():
    with pytest.raises(NotFound, match="the lineage has no node 'tran'") as caught:
        FRAUD.select("tran")
    assert "did you mean 'train'?" in caught.value.hints
    with pytest.raises(NotFound, match=r"no model node 'a\\x1bb'"):
        FRAUD.select("a\x1bb", "model")


# ---- the shape of what is found ----------------------------------------------------------------------------------


def test_a_diamond_counts_a_node_once_and_depth_is_honoured():
    assert FRAUD.upstream(FRAUD.select("v2")) == ("train", "v1", "test", "train.py", "raw")
    assert FRAUD.upstream(FRAUD.select("v2"), 1) == ("train", "v1", "test", "train.py")
    assert FRAUD.upstream(FRAUD.select("v2"), 0) == ()
    with pytest.raises(UsageError):
        FRAUD.upstream(FRAUD.select("v2"), -1)


def test_kinds_restrict_what_is_listed_not_what_is_passed_through():
    assert FRAUD.downstream(FRAUD.select("raw"), kinds=["model"]) == ("v1", "v2")
    assert FRAUD.downstream(FRAUD.select("raw"), relations=["evaluated-on"]) == ()
    part = FRAUD.subgraph(FRAUD.select("v2"), down=False, kinds=["code"])
    assert [node.id for node in part.nodes] == ["train.py", "v2"]


def test_an_edge_that_is_told_twice_counts_once():
    graph = lineage(*[made(model("v1"), data("x"), digest=A)] * 2, made(model("v1"), data("x"), digest=B))
    assert graph.graph.number_of_edges() == 2


def test_the_graph_for_programs_runs_from_upstream_to_downstream():
    graph = lineage(made(model("v1"), data("x"), digest=A), nodes=[Node(kind="data", id="x", metadata={"rows": 3})])
    assert list(graph.graph.edges(data=True)) == [(data("x"), model("v1"), {"relation": "trained-on", "digest": A})]
    assert graph.graph.nodes[data("x")] == {"id": "x", "kind": "data", "metadata": {"rows": 3}}


def test_a_path_goes_either_way_and_the_shortest():
    up = FRAUD.path(FRAUD.select("v2"), FRAUD.select("raw"))
    down = FRAUD.path(FRAUD.select("raw"), FRAUD.select("v2"))
    assert [edge.relation for edge in up] == ["trained-on", "derived-from"]
    assert set(up) == set(down)
    assert up == down[::-1]
    assert FRAUD.path(FRAUD.select("raw"), FRAUD.select("raw")) == ()
    ring = lineage(*(made(data(str(n)), data(str((n + 1) % 5))) for n in range(5)))
    assert [len(ring.path(ring.select("0"), ring.select(end))) for end in "1234"] == [1, 2, 2, 1]
    with pytest.raises(NotFound, match="neither of 'v2' and 'else' was made of the other"):
        FRAUD.path(FRAUD.select("v2"), FRAUD.select("else"))


def test_cycles_are_told_the_shortest_first():
    ring = [made(data(str(n)), data(str((n + 1) % 5))) for n in range(5)]
    graph = lineage(*ring, made(model("a"), model("b")), made(model("b"), model("a")), made(data("x"), data("x")))
    assert graph.cycles() == [["x", "x"], ["a", "b", "a"], ["0", "4", "3", "2", "1", "0"]]
    assert graph.cycles(1) == [["x", "x"]]
    assert FRAUD.cycles() == []


def test_what_an_edge_would_close_is_told_from_the_lower_to_the_upper():
    assert FRAUD.closes_cycle(data("raw"), model("v2")) in (["raw", "train", "v2"], ["raw", "test", "v2"])
    assert FRAUD.closes_cycle(model("v2"), data("raw")) is None
    assert FRAUD.closes_cycle(data("new"), data("new")) == ["new"]
    assert FRAUD.closes_cycle(data("new"), model("v2")) is None


def test_a_chain_of_thousands_is_searched_without_recursion():
    graph = lineage(*(made(model(str(n + 1)), model(str(n)), "fine-tuned-from") for n in range(5000)))
    assert len(graph.upstream(graph.select("5000"))) == 5000
    assert len(graph.path(graph.select("0"), graph.select("5000"))) == 5000
    assert graph.closes_cycle(model("0"), model("5000"))[::5000] == ["0", "5000"]


# ---- JSON --------------------------------------------------------------------------------------------------------


def test_the_document_is_the_promised_one():
    graph = lineage(made(model("v1"), data("x"), digest=A), made(model("v1"), ("code", "y"), "trained-by"))
    start = graph.select("v1")
    assert as_json(graph.subgraph(start), graph.upstream(start), graph.downstream(start)) == {
        "node": "v1",
        "upstream": ["x", "y"],
        "downstream": [],
        "subgraph": {
            "nodes": [
                {"id": "y", "kind": "code", "metadata": {}},
                {"id": "x", "kind": "data", "metadata": {}},
                {"id": "v1", "kind": "model", "metadata": {}},
            ],
            "edges": [
                {"from": "y", "to": "v1", "relation": "trained-by"},
                {"from": "x", "to": "v1", "relation": "trained-on", "digest": A},
            ],
        },
    }


@given(id=st.text(), relation=st.text())
def test_any_id_survives_json(id, relation):
    graph = lineage(made(model("v1"), data(id), relation))
    start = graph.select(id, "data")
    read = json.loads(json.dumps(as_json(graph.subgraph(start), (), graph.downstream(start))))
    assert (read["node"], read["downstream"]) == (id, ["v1"])
    assert read["subgraph"]["edges"] == [{"from": id, "to": "v1", "relation": relation}]
