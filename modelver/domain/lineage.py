"""The graph of data, code and models: what a node was made of, what was made of it, and how they hang together.

An edge says that `down` was made of `up`. Data and code are named by their ids alone; which bytes of them an edge used
is told by its digest, so that `data/train@sha256:ab12…` selects the edges of one version of the data.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any

from modelver.domain.records import Values
from modelver.domain.text import nearest, quoted
from modelver.errors import NotFound, UsageError

if TYPE_CHECKING:
    import networkx

KINDS = ("data", "code", "model")

Key = tuple[str, str]
"""Kind and id of a node."""

_MARK = "@sha256:"
_FEWEST_DIGITS = 4
_STARTS = 20
"""Nodes of a tangle from which its shortest cycle is sought."""


def _nothing() -> Values:
    return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """Data, code or a model, and what is known of it; the id of a model is that of its version."""

    kind: str
    id: str
    metadata: Values = field(default_factory=_nothing)

    @property
    def key(self) -> Key:
        return self.kind, self.id


@dataclass(frozen=True, kw_only=True, slots=True)
class Edge:
    """`down` was made of `up`, in the version of `up` that has the digest."""

    down: Key
    up: Key
    relation: str
    digest: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """A node; with a digest, only the edges that used this version of it."""

    kind: str
    id: str
    digest: str | None = None

    @property
    def key(self) -> Key:
        return self.kind, self.id

    def __str__(self) -> str:
        return self.id if self.digest is None else f"{self.id}@{self.digest}"


@dataclass(frozen=True, kw_only=True)
class Subgraph:
    """A part of the graph around a node, sorted."""

    root: Selection
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


class Lineage:
    """Nodes and edges as a graph. A node that only edges name has no metadata; an edge that is told twice counts once.

    Wherever a search takes `depth`, `kinds` and `relations`: it goes at most `depth` edges far, along edges with one
    of the relations, and lists nodes of one of the kinds, whatever it passes through. None is no limit.
    """

    graph: networkx.MultiDiGraph[Key]
    """Its edges run from upstream to downstream. Nodes are keys with `id`, `kind` and `metadata`, edges have
    `relation` and `digest`."""

    def __init__(self, nodes: Iterable[Node], edges: Iterable[Edge]) -> None:
        import networkx  # heavy, and reports need only the values above

        graph: networkx.MultiDiGraph[Key] = networkx.MultiDiGraph()
        for node in nodes:
            graph.add_node(node.key, id=node.id, kind=node.kind, metadata=node.metadata)
        for edge in edges:
            for kind, id in (edge.up, edge.down):
                if (kind, id) not in graph:
                    graph.add_node((kind, id), id=id, kind=kind, metadata={})
            told = edge.relation, edge.digest
            graph.add_edge(edge.up, edge.down, told, relation=edge.relation, digest=edge.digest)
        self.graph = graph

    # ---- nodes ---------------------------------------------------------------------------------------------------

    def select(self, text: str, kind: str | None = None) -> Selection:
        """The node with the id `text`, or the version of it in `ID@sha256:PREFIX` (at least 4 hex digits).

        NotFound when there is none, or more than one.
        """
        _check_kinds(None if kind is None else [kind])
        id, prefix, found = text, None, self._with_id(text, kind)
        if not found and _MARK in text:
            id, _, prefix = text.rpartition(_MARK)
            found = self._with_id(id, kind)
        if not found:
            raise self._not_found(text, kind)
        if len(found) > 1:
            raise NotFound(f"more than one node has the id {quoted(id)}", hint=[f"{each} {id}" for each in found])
        (kind,) = found
        return Selection(kind=kind, id=id, digest=None if prefix is None else self._digest((kind, id), prefix))

    def _with_id(self, id: str, kind: str | None) -> list[str]:
        """The kinds of the nodes with an id."""
        return [each for each in KINDS if kind in (None, each) and (each, id) in self.graph]

    def _digest(self, key: Key, prefix: str) -> str:
        """The digest of the node that starts so."""
        if len(prefix) < _FEWEST_DIGITS or set(prefix.lower()) - set("0123456789abcdef"):
            raise NotFound(
                f"{quoted(prefix)} is no beginning of a digest", hint=f"give at least {_FEWEST_DIGITS} hex digits of it"
            )
        known = [told["digest"] for _, _, told in self.graph.out_edges(key, data=True)]
        known.append(self.graph.nodes[key]["metadata"].get("digest"))
        texts = sorted({digest for digest in known if isinstance(digest, str)})
        found = [digest for digest in texts if digest.startswith(f"sha256:{prefix.lower()}")]
        if len(found) == 1:
            return found[0]
        what = "no version" if not found else "more than one version"
        hints = [f"{key[1]}@{digest}" for digest in (found or texts)[:3]]
        raise NotFound(f"{what} of {quoted(key[1])} has a digest with {quoted(prefix)}", hint=hints)

    def _not_found(self, text: str, kind: str | None) -> NotFound:
        ids = dict.fromkeys(id for each, id in self.graph if kind in (None, each))
        near = nearest(text, ids)
        what = "node" if kind is None else f"{kind} node"
        return NotFound(f"the lineage has no {what} {quoted(text)}", hint=[f"did you mean {quoted(n)}?" for n in near])

    # ---- searches ------------------------------------------------------------------------------------------------

    def upstream(
        self,
        selection: Selection,
        depth: int | None = None,
        *,
        kinds: Collection[str] | None = None,
        relations: Collection[str] | None = None,
    ) -> tuple[str, ...]:
        """The ids of all that the node was made of, the nearest first, each once."""
        return _listed(self._walk(selection, True, depth, relations), kinds)

    def downstream(
        self,
        selection: Selection,
        depth: int | None = None,
        *,
        kinds: Collection[str] | None = None,
        relations: Collection[str] | None = None,
    ) -> tuple[str, ...]:
        """The ids of all that was made of the node, the nearest first, each once."""
        return _listed(self._walk(selection, False, depth, relations), kinds)

    def subgraph(
        self,
        selection: Selection,
        *,
        up: bool = True,
        down: bool = True,
        depth: int | None = None,
        kinds: Collection[str] | None = None,
        relations: Collection[str] | None = None,
    ) -> Subgraph:
        """The node, what it was made of (`up`), what was made of it (`down`), and all edges between these.

        Where only some kinds are listed, it also has the nodes that connect them with the root.
        """
        upward = self._walk(selection, True, depth if up else 0, relations)
        downward = self._walk(selection, False, depth if down else 0, relations)
        kept = _with_connections(upward, kinds) | _with_connections(downward, kinds)
        edges = [
            Edge(down=below, up=key, relation=relation, digest=digest)
            for key in kept
            for below in self.graph.successors(key)
            if below in kept
            for relation, digest in self._between(key, below, [selection], relations)
        ]
        return Subgraph(
            root=selection,
            nodes=tuple(Node(**self.graph.nodes[key]) for key in sorted(kept)),
            edges=tuple(sorted(edges, key=lambda each: (each.up, each.down, each.relation, each.digest or ""))),
        )

    def path(self, a: Selection, b: Selection) -> tuple[Edge, ...]:
        """The shortest chain of edges from `a` to `b`, all of them upstream or all downstream; else NotFound.

        It begins at `a`, and is empty where the two are the same node.
        """
        chains = []
        for up in (True, False):
            came = self._walk(a, up, None, None, end=b)
            if b.key in came:
                keys = _chain(came, b.key)
                pairs = [(there, here) if up else (here, there) for here, there in pairwise(keys)]
                chains.append(tuple(self._edge(above, below, [a, b]) for above, below in pairs))
        if not chains:
            raise NotFound(f"neither of {quoted(str(a))} and {quoted(str(b))} was made of the other")
        return min(chains, key=len)

    def _walk(
        self,
        start: Selection,
        up: bool,
        depth: int | None,
        relations: Collection[str] | None,
        end: Selection | None = None,
    ) -> dict[Key, Key]:
        """Each node that is reached, the nearest first, with the one from which it was; the start comes first."""
        if depth is not None and depth < 0:
            raise UsageError(f"expected a depth of 0 or more, found {depth}")
        near = self.graph.predecessors if up else self.graph.successors
        selections = [each for each in (start, end) if each is not None and each.digest is not None]
        came, level, far = {start.key: start.key}, [start.key], 0
        while level and (depth is None or far < depth):
            reached = []
            for key in level:
                for other in near(key):
                    above, below = (other, key) if up else (key, other)
                    if other not in came and self._joined(above, below, selections, relations):
                        came[other] = key
                        reached.append(other)
            level, far = reached, far + 1
        return came

    def _joined(
        self, above: Key, below: Key, selections: Collection[Selection], relations: Collection[str] | None
    ) -> bool:
        """Whether an edge between two neighbours may be followed."""
        if relations is None and not selections:
            return True  # most searches, and the ones over everything
        return any(True for _ in self._between(above, below, selections, relations))

    def _between(
        self, above: Key, below: Key, selections: Collection[Selection], relations: Collection[str] | None
    ) -> Iterator[tuple[str, str | None]]:
        """Relation and digest of the edges between two neighbours that may be followed."""
        digests = [each.digest for each in selections if each.key == above and each.digest is not None]
        for told in self.graph[above][below].values():
            relation, digest = told["relation"], told["digest"]
            if (relations is None or relation in relations) and all(digest == each for each in digests):
                yield relation, digest

    def _edge(self, above: Key, below: Key, selections: Collection[Selection]) -> Edge:
        relation, digest = next(self._between(above, below, selections, None))
        return Edge(down=below, up=above, relation=relation, digest=digest)

    # ---- cycles --------------------------------------------------------------------------------------------------

    def cycles(self, limit: int = 3) -> list[list[str]]:
        """Short cycles, the shortest first, one of each tangle: ids in which each was made of the one before.

        The first id stands at the end again. In a tangle of very many nodes it need not be the shortest.
        """
        import networkx

        found = []
        for tangle in networkx.strongly_connected_components(self.graph):
            part = self.graph.subgraph(tangle)
            if len(tangle) > 1 or networkx.number_of_selfloops(part):
                starts = islice(sorted(tangle), _STARTS)
                found.append(min((_shortest_cycle(part, start) for start in starts), key=len))
        return [[id for _, id in cycle] for cycle in sorted(found, key=lambda cycle: (len(cycle), cycle))[:limit]]

    def closes_cycle(self, down: Key, up: Key) -> list[str] | None:
        """The ids from `down` to `up`, each made of the one before, that an edge from `up` to `down` would close.

        None where it would close none; the nodes need not be there.
        """
        if down == up:
            return [down[1]]
        if down not in self.graph or up not in self.graph:
            return None
        came = self._walk(Selection(kind=down[0], id=down[1]), False, None, None)
        return [id for _, id in _chain(came, up)] if up in came else None


def as_json(graph: Subgraph, upstream: Iterable[str], downstream: Iterable[str]) -> dict[str, Any]:
    """A part of the graph, and what is up and down from its root, as a JSON document."""
    nodes = [{"id": node.id, "kind": node.kind, "metadata": dict(node.metadata)} for node in graph.nodes]
    edges: list[dict[str, Any]] = []
    for each in graph.edges:
        edge = {"from": each.up[1], "to": each.down[1], "relation": each.relation}
        edges.append(edge if each.digest is None else {**edge, "digest": each.digest})
    return {
        "node": str(graph.root),
        "upstream": list(upstream),
        "downstream": list(downstream),
        "subgraph": {"nodes": nodes, "edges": edges},
    }


def _shortest_cycle(part: networkx.MultiDiGraph[Key], start: Key) -> list[Key]:
    """The shortest cycle through a node, from it and back to it."""
    import networkx

    came = {start: start, **dict(networkx.bfs_predecessors(part, start))}
    last = next(key for key in came if part.has_edge(key, start))
    return [*_chain(came, last), start]


def _chain(came: Mapping[Key, Key], end: Key) -> list[Key]:
    """The nodes from the start of a search to one that it reached."""
    chain = [end]
    while came[chain[-1]] != chain[-1]:
        chain.append(came[chain[-1]])
    return chain[::-1]


def _listed(came: Mapping[Key, Key], kinds: Collection[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(id for _, id in _of_kinds(came, kinds)))


def _of_kinds(came: Mapping[Key, Key], kinds: Collection[str] | None) -> Iterator[Key]:
    """The nodes that a search reached, without its start."""
    _check_kinds(kinds)
    return (key for key in islice(came, 1, None) if kinds is None or key[0] in kinds)


def _with_connections(came: Mapping[Key, Key], kinds: Collection[str] | None) -> set[Key]:
    """The start of a search, the nodes of some kinds that it reached, and those by which it did."""
    kept = {next(iter(came))}
    for key in _of_kinds(came, kinds):
        while key not in kept:
            kept.add(key)
            key = came[key]
    return kept


def _check_kinds(kinds: Collection[str] | None) -> None:
    for kind in kinds or ():
        if kind not in KINDS:
            raise UsageError(f"{quoted(kind)} is no kind of node", hint="data, code or model")
