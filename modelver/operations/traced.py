"""The results of the lineage: a part of the graph, what is touched, a path, and what was written.

As in `results`, the fields are the keys of the JSON documents, which are a contract.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from modelver.operations.results import told

if TYPE_CHECKING:
    from modelver.domain.lineage import Subgraph
    from modelver.domain.records import Value


@dataclass(frozen=True, kw_only=True)
class Traced:
    """A node with what it comes from and what comes from it, by ids, the nearest first, and as a graph.

    `up` and `down` say which of the two was asked for.
    """

    subgraph: Subgraph
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    up: bool
    down: bool
    namespace: str = told("")
    """The repository's name, for programs that know many."""
    repository: str | None = told(None)
    """The URL of `origin` without credentials; None where it is a directory, or there is none."""
    remarks: tuple[str, ...] = told()

    def document(self) -> dict[str, Any]:
        """The JSON document."""
        from modelver.domain.lineage import as_json

        return as_json(self.subgraph, self.upstream, self.downstream)


@dataclass(frozen=True, kw_only=True)
class Touched:
    """A model's version that something is upstream of, with its labels and the stages that it holds."""

    model: str
    version: str
    labels: tuple[str, ...]
    stages: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.model}@{self.version}"


@dataclass(frozen=True, kw_only=True)
class Impact:
    """All that is downstream of a node: versions, the nearest first, stages as MODEL@STAGE, and other nodes by id."""

    node: str
    models: tuple[Touched, ...]
    stages: tuple[str, ...]
    others: tuple[str, ...]
    remarks: tuple[str, ...] = told()


@dataclass(frozen=True, kw_only=True)
class Step:
    """One edge: `down` has the relation to `up`."""

    down: str
    relation: str
    up: str


@dataclass(frozen=True, kw_only=True)
class LineagePath:
    """The shortest chain of edges between two nodes, from the first to the second."""

    nodes: tuple[str, ...]
    steps: tuple[Step, ...]
    remarks: tuple[str, ...] = told()


@dataclass(frozen=True, kw_only=True)
class NodeAdded:
    """A node that is described; `created` is false where the same was said before."""

    op: str
    kind: str
    node: str
    digest: str | None
    uri: str | None
    meta: Mapping[str, Value]
    commit: str | None
    created: bool = told(True)
    remarks: tuple[str, ...] = told()

    def __str__(self) -> str:
        return self.node


@dataclass(frozen=True, kw_only=True)
class Linked:
    """An edge that was made (`op` is link) or taken back (unlink)."""

    op: str
    down: str
    relation: str
    up: str
    commit: str | None
    created: bool = told(True)
    remarks: tuple[str, ...] = told()
