"""A part of the lineage as events of OpenLineage: one finished run for each version of a model.

The events are made and written by OpenLineage's own client library, so their form is that of its specification.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5

from modelver.domain.lineage import Edge, Key, Node, Subgraph
from modelver.domain.names import is_version_id, version_moment
from modelver.operations.results import moment

_RUNS = UUID("6b0d7c5e-3f0a-4a3c-9a52-0c1f6f5f2c1d")
"""The namespace of runs: the id of a version's run is the same on every machine."""

PRODUCER = "https://pypi.org/project/modelver"

_IN_URIS = "%/:;?#@&=+$,!~*'()"


def openlineage(graph: Subgraph, namespace: str, *, repository: str | None = None, producer: str = PRODUCER) -> str:
    """The events in JSON, one a line, the oldest first, as OpenLineage's own file transport writes them."""
    found = events(graph, namespace, repository=repository, producer=producer)
    return "".join(json.dumps(event, sort_keys=True) + "\n" for event in found)


def events(
    graph: Subgraph, namespace: str, *, repository: str | None = None, producer: str = PRODUCER
) -> list[dict[str, Any]]:
    """A COMPLETE event for each version of a model, the oldest first.

    The job is the model; the output is the model as a dataset whose version is the version's id; the inputs are data
    and parents that the part has of it, each with its digest or id as version. Code is the job's source where its
    commit is known (`commit` of the version's metadata, or else of the code's) and `repository` is the URL of the
    Git repository; otherwise it is an input. `namespace` is that of jobs and datasets, `producer` a URI.
    """
    nodes = {node.key: node for node in graph.nodes}
    made_of: dict[Key, list[Edge]] = {}
    for edge in graph.edges:
        made_of.setdefault(edge.down, []).append(edge)
    writer = _Writer(_client(), namespace, repository, producer)
    # One from elsewhere, whose time nobody knows, was not made by a run that can be told of.
    versions = [node for node in graph.nodes if node.kind == "model" and is_version_id(node.id)]
    return [
        writer.event(node, [(edge, nodes[edge.up]) for edge in made_of.get(node.key, ())])
        for node in sorted(versions, key=lambda each: each.id)
    ]


class _Writer:
    def __init__(self, client: SimpleNamespace, namespace: str, repository: str | None, producer: str) -> None:
        self.client, self.namespace, self.repository, self.producer = client, namespace, repository, producer

    def event(self, version: Node, inputs: Iterable[tuple[Edge, Node]]) -> dict[str, Any]:
        events = self.client.event_v2
        source, rest = self._source(version, list(inputs))
        event = events.RunEvent(
            eventType=events.RunState.COMPLETE,
            eventTime=moment(version_moment(version.id)),
            producer=self.producer,
            run=events.Run(runId=str(uuid5(_RUNS, version.id))),
            job=events.Job(self.namespace, _name(version), facets=source),
            inputs=[
                events.InputDataset(self.namespace, _name(node), facets=self._facets(node, edge)) for edge, node in rest
            ],
            outputs=[events.OutputDataset(self.namespace, _name(version), facets=self._facets(version))],
        )
        document: dict[str, Any] = self.client.Serde.to_dict(event)
        return document

    def _source(self, version: Node, inputs: list[tuple[Edge, Node]]) -> tuple[dict[str, Any], list[tuple[Edge, Node]]]:
        """The facet that tells of the code, and the inputs that are not told there."""
        for number, (_, node) in enumerate(inputs):
            commit = version.metadata.get("commit", node.metadata.get("commit"))
            if node.kind == "code" and isinstance(commit, str) and self.repository is not None:
                facet = self.client.facet_v2.source_code_location_job.SourceCodeLocationJobFacet(
                    type="git",
                    url=_url(self.repository),
                    repoUrl=self.repository,
                    path=node.id,
                    version=commit,
                    producer=self.producer,
                )
                return {"sourceCodeLocation": facet}, inputs[:number] + inputs[number + 1 :]
        return {}, inputs

    def _facets(self, node: Node, edge: Edge | None = None) -> dict[str, Any]:
        facets = self.client.facet_v2
        version = node.id if node.kind == "model" else edge and edge.digest
        kind = "FILE" if node.kind == "data" else node.kind.upper()
        found = {"datasetType": facets.dataset_type_dataset.DatasetTypeDatasetFacet(kind, producer=self.producer)}
        if version:
            found["version"] = facets.dataset_version_dataset.DatasetVersionDatasetFacet(
                version, producer=self.producer
            )
        if isinstance(uri := node.metadata.get("uri"), str) and "://" in uri:
            uri = quote(uri, safe=_IN_URIS, errors="surrogatepass")  # people leave spaces in it
            found["dataSource"] = facets.datasource_dataset.DatasourceDatasetFacet(uri=uri, producer=self.producer)
        if edge is not None:
            tag = facets.tags_dataset.TagsDatasetFacetFields("relation", edge.relation, source="modelver")
            found["tags"] = facets.tags_dataset.TagsDatasetFacet([tag], producer=self.producer)
        return found


def _name(node: Node) -> str:
    """The name of a job or a dataset: versions of a model are versions of one thing."""
    model = node.metadata.get("model")
    return model if node.kind == "model" and isinstance(model, str) else node.id


def _url(repository: str) -> str:
    """The URL of a repository that Git may know in the short form `user@host:path`."""
    return repository if "://" in repository else "ssh://" + repository.replace(":", "/", 1)


def _client() -> SimpleNamespace:
    from openlineage.client import event_v2, facet_v2, serde  # it loads clients of HTTP

    return SimpleNamespace(event_v2=event_v2, facet_v2=facet_v2, Serde=serde.Serde)
