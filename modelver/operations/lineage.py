"""The lineage: where something comes from, what depends on it, and nodes and edges that people add."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelver.catalog import Catalog
from modelver.catalog.lineage import Facts, facts, links, nodes
from modelver.domain import names
from modelver.domain.lineage import KINDS, Edge, Lineage, Node, Selection
from modelver.domain.records import LineageNode, Link, Value
from modelver.domain.redaction import without_credentials
from modelver.domain.references import is_prefix
from modelver.domain.resolution import Resolved
from modelver.domain.text import printable, quoted
from modelver.errors import Conflict, ModelverError, NotFound, UsageError
from modelver.operations.inputs import without_password
from modelver.operations.scene import Done, Part, Plan, Scene, carry_out
from modelver.operations.standing import labels_of, stages_of
from modelver.operations.traced import Impact, LineagePath, Linked, NodeAdded, Step, Touched, Traced
from modelver.operations.values import checked_text, plain_mapping
from modelver.operations.workspace import Workspace
from modelver.programs.web import told_of
from modelver.records import layout, lineage

MADE = "derived-from"
"""The relation of an edge for which none is named."""

_LONGEST = 1000  # characters of an id

_URL = re.compile(r"(?!file:)[\w+.-]+://.|[\w.-]+@[\w.-]+:.")
"""Of a repository that others can reach, also in Git's short form `user@host:path`."""


@dataclass(frozen=True)
class _Graph:
    """The graph of one commit's records, and how a person's words lead into it."""

    workspace: Workspace
    catalog: Catalog
    told: Facts

    @property
    def lineage(self) -> Lineage:
        found = (Node(kind=kind, id=id, metadata=known) for (kind, id), known in self.told.nodes.items())
        edges = (Edge(down=down, up=up, relation=word, digest=digest) for down, up, word, digest in self.told.edges)
        return Lineage(found, edges)

    def select(self, graph: Lineage, typed: str, kind: str | None = None) -> Selection:
        """The node that is meant: data and code by their id, a version by any reference.

        Where something is data and code alike, the first is meant, unless `kind` says otherwise. Raises `NotFound`
        with the nearest of both kinds.
        """
        id = typed.removeprefix("./")
        kind = kind or next((each for each in KINDS if (each, id) in self.told.nodes), None)
        try:
            return graph.select(id, kind)
        except NotFound as error:
            missing = error
        try:
            found = self.workspace.find(typed)
        except ModelverError as error:
            missing.hints += error.hints if isinstance(error, NotFound) else []
            raise missing from error
        return graph.select(found.version, "model")


def _graph(workspace: Workspace, *also: str) -> _Graph:
    """The graph, with the versions of `also` that are only known by their tag."""
    catalog = workspace.catalog
    told = facts(catalog)
    for typed in also:
        found = _version(workspace, typed)
        if found is not None and ("model", found.version) not in told.nodes:
            told.add(catalog.record(found))
    return _Graph(workspace, catalog, told)


def _version(workspace: Workspace, typed: str) -> Resolved | None:
    """The version that is meant, by an id or its beginning, which alone may be of a version that is not here."""
    if not is_prefix(names.fold(typed)):
        return None
    try:
        return workspace.find(typed)
    except ModelverError:
        return None


def trace(
    workspace: Workspace,
    typed: str,
    *,
    up: bool = True,
    down: bool = True,
    depth: int | None = None,
    kinds: Collection[str] = (),
    relations: Collection[str] = (),
) -> Traced:
    """What a node comes from and what comes from it, at most `depth` edges away."""
    graph = _graph(workspace, typed)
    whole = graph.lineage
    start = graph.select(whole, typed, next(iter(kinds)) if len(kinds) == 1 and _is_several(graph, typed) else None)
    asked: Any = {"depth": depth, "kinds": kinds or None, "relations": relations or None}
    return Traced(
        subgraph=whole.subgraph(start, up=up, down=down, **asked),
        upstream=tuple(whole.upstream(start, **asked)) if up else (),
        downstream=tuple(whole.downstream(start, **asked)) if down else (),
        up=up,
        down=down,
        namespace=(workspace.repository.work_tree or workspace.repository.git_dir).name,
        repository=_origin(workspace),
        remarks=graph.catalog.config.warnings,
    )


def _origin(workspace: Workspace) -> str | None:
    url = workspace.repository.configuration().last("remote.origin.url") or ""
    return without_credentials(url) if _URL.match(url) else None


def cycles(catalog: Catalog) -> list[list[str]]:
    """Some of the circles in which something comes from itself, as a merge can make them."""
    told = facts(catalog)
    edges = (Edge(down=down, up=up, relation=word, digest=digest) for down, up, word, digest in told.edges)
    return Lineage((), edges).cycles()


def _is_several(graph: _Graph, typed: str) -> bool:
    """Whether nodes of several kinds have an id, so that a kind tells which is meant."""
    return sum((kind, typed.removeprefix("./")) in graph.told.nodes for kind in KINDS) > 1


def path(workspace: Workspace, one: str, other: str) -> LineagePath:
    """How two nodes hang together: the shortest chain of edges that all lead one way."""
    graph = _graph(workspace, one, other)
    whole = graph.lineage
    start = graph.select(whole, one)
    chain = whole.path(start, graph.select(whole, other))
    steps = tuple(Step(down=edge.down[1], relation=edge.relation, up=edge.up[1]) for edge in chain)
    ids = [start.id]
    for step in steps:
        ids.append(step.up if step.down == ids[-1] else step.down)
    return LineagePath(nodes=tuple(ids), steps=steps, remarks=graph.catalog.config.warnings)


def impact(workspace: Workspace, typed: str) -> Impact:
    """Every version that a node is upstream of, with its labels and stages: what to look at if the node is bad."""
    graph = _graph(workspace, typed)
    whole, catalog = graph.lineage, graph.catalog
    selection = graph.select(whole, typed)
    below = whole.downstream(selection)
    known = graph.told.nodes
    versions = {id: str(known["model", id]["model"]) for id in below if "model" in known.get(("model", id), {})}
    versions = {id: model for id, model in versions.items() if names.is_version_id(id)}
    touched = tuple(
        Touched(
            model=model,
            version=version,
            labels=labels_of(catalog, model, version),
            stages=stages_of(catalog, model, version),
        )
        for version, model in versions.items()
    )
    return Impact(
        node=str(selection),
        models=touched,
        stages=tuple(f"{each.model}@{stage}" for each in touched for stage in each.stages),
        others=tuple(id for id in below if id not in versions),
        remarks=catalog.config.warnings,
    )


# ---- writing -------------------------------------------------------------------------------------------------------


def add_node(
    workspace: Workspace,
    kind: str,
    id: str,
    *,
    path: str | None = None,
    uri: str | None = None,
    store: bool = False,
    meta: Mapping[str, Value],
    message: str = "",
) -> NodeAdded:
    """Describe data, code or a model from elsewhere; of what was said before, what is not said again stays.

    A file or directory is hashed, and kept where `store` says so. Raises `UsageError` for a wrong kind or id.
    """
    if kind not in lineage.NODE_KINDS:
        raise UsageError(f"{quoted(kind)} is no kind of node", hint="modelver lineage add data|code|model ID")
    name = _checked_id(id)
    if names.is_version_id(name):
        raise UsageError(f"{name} is a version, which its record describes", hint=f"modelver note {name} -m TEXT")
    if path is not None and uri is not None:
        raise UsageError("--path and --uri are two places", hint="give one of them")
    if store and path is None:
        raise UsageError("--store keeps the bytes of --path", hint="--path FILE --store")
    digest = _digest(workspace, path, store=store)
    known, why = plain_mapping(meta, "meta"), checked_text(message, "message")
    where = None if uri is None else without_password(uri, "--uri")
    said = {} if where is None else told_of(where)
    file = layout.node_path(kind, layout.slug(name))
    made: list[LineageNode] = []

    def plan(scene: Scene) -> Plan:
        new = LineageNode(
            kind=kind,
            id=name,
            created_at=scene.now.replace(microsecond=0),
            created_by=scene.by,
            message=why,
            digest=digest,
            uri=where,
            meta=known,
            more=said,
        )
        former = next((each for each in nodes(scene.catalog) if (each.kind, each.id) == (kind, name)), None)
        if former is not None:
            new = _added_to(former, new)
        made[:] = [new]
        same = former is not None and _said(former) == _said(new)
        files = {} if same else {file: lineage.dump_node(new)}
        return _plan("add", f"{kind} {name}", files, why)

    done = carry_out(workspace, "", plan, watched=[file])
    return NodeAdded(
        op="add",
        kind=kind,
        node=name,
        digest=made[0].digest,
        uri=made[0].uri,
        meta=made[0].meta,
        commit=done.commit(file),
        created=done.written is not None,
        remarks=done.remarks,
    )


def _added_to(former: LineageNode, new: LineageNode) -> LineageNode:
    """The new description of a node, in which what is not said again stays."""
    return replace(
        new,
        digest=new.digest or former.digest,
        uri=new.uri or former.uri,
        meta={**former.meta, **new.meta},
        message=new.message or former.message,
        inputs=former.inputs,
        more={**former.more, **new.more},
    )


def link(workspace: Workspace, down: str, up: str, *, relation: str = MADE, message: str = "") -> Linked:
    """Say that `down` has a relation to `up`. Raises `Conflict` where that would close a cycle."""
    why, word = checked_text(message, "message"), _checked_relation(relation)
    found: list[Link] = []

    def plan(scene: Scene) -> Plan:
        graph = _Graph(workspace, scene.catalog, facts(scene.catalog))
        whole = graph.lineage
        below, above = (graph.select(whole, typed) for typed in (down, up))
        new = Link(
            down=below.id,
            relation=word,
            up=above.id,
            created_at=scene.now.replace(microsecond=0),
            created_by=scene.by,
            message=why,
        )
        found[:] = [new]
        if any((each.down, each.relation, each.up) == (new.down, word, new.up) for each in links(scene.catalog)):
            return _plan("link", "", {}, why)
        circle = whole.closes_cycle(below.key, above.key)
        if circle is not None:
            raise Conflict(
                f"{quoted(above.id)} comes from {quoted(below.id)} already, so this would close a cycle",
                hint=" → ".join(map(printable, circle)),
            )
        return _plan("link", f"{new.down} {word} {new.up}", {_file(new): lineage.dump_link(new)}, why)

    return _linked(carry_out(workspace, "", plan, watched=[f"{layout.LINEAGE}/links"]), "link", found[0])


def unlink(workspace: Workspace, down: str, up: str, *, relation: str = MADE) -> Linked:
    """Take an edge back that `link` made. Raises `NotFound` where there is none; a record's own edges stay."""
    word = _checked_relation(relation)
    found: list[Link] = []

    def plan(scene: Scene) -> Plan:
        graph = _Graph(workspace, scene.catalog, facts(scene.catalog))
        whole = graph.lineage
        below, above = (graph.select(whole, typed).id for typed in (down, up))
        known = [each for each in links(scene.catalog) if (each.down, each.up) == (below, above)]
        there = next((each for each in known if each.relation == word), None)
        if there is None:
            ways = [f"modelver lineage unlink {down} {up} --relation {each.relation}" for each in known]
            raise NotFound(
                f"no link says that {quoted(below)} has the relation {word} to {quoted(above)}",
                hint=ways or "what a version's record says stays",
            )
        found[:] = [there]
        return _plan("unlink", f"{below} {word} {above}", {_file(there): None}, "")

    return _linked(carry_out(workspace, "", plan, watched=[f"{layout.LINEAGE}/links"]), "unlink", found[0])


def _file(link: Link) -> str:
    return layout.link_path(layout.link_name(link.down, link.relation, link.up))


def _plan(op: str, what: str, files: Mapping[str, bytes | None], message: str) -> Plan:
    part = Part(op="lineage", name=printable(f"{op} {what}"), files=dict(files))
    return Plan(model="", version=None, part=part, message=message)


def _linked(done: Done, op: str, link: Link) -> Linked:
    return Linked(
        op=op,
        down=link.down,
        relation=link.relation,
        up=link.up,
        commit=done.commit(_file(link)),
        created=done.written is not None,
        remarks=done.remarks,
    )


def _said(node: LineageNode) -> LineageNode:
    """A node without who said it and when."""
    return replace(node, created_at=node.created_at.min, created_by="")


def _digest(workspace: Workspace, typed: str | None, *, store: bool) -> str | None:
    if typed is None:
        return None
    path = workspace.typed(typed)
    if not os.path.exists(path):
        raise UsageError(f"--path: {quoted(typed)} is not there", hint="give a file, a directory, or --uri")
    inside = workspace.relative(path) if workspace.repository.work_tree else None
    if store:
        return workspace.store.put(path, cache=workspace.stat_cache, name=inside or typed, follow_symlinks=True).digest
    return workspace.store.digest_of(Path(os.path.realpath(path)), cache=workspace.stat_cache, name=inside or typed)


def _checked_id(typed: str) -> str:
    id = checked_text(typed, "id").removeprefix("./")
    if not id or len(id) > _LONGEST:
        raise UsageError(f"the id {quoted(typed)} has to have 1 to {_LONGEST} characters")
    return without_password(id, "the id")


def _checked_relation(typed: str) -> str:
    if not lineage.is_word(typed):
        known = "trained-on, evaluated-on, trained-by, fine-tuned-from, distilled-from, derived-from"
        raise UsageError(f"{quoted(typed)} is no relation", hint=f"a word without spaces, such as {known}")
    return typed
