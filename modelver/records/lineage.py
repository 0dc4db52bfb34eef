"""The records of the lineage that stand by themselves: nodes, and edges that were made after a version's record."""

from __future__ import annotations

from modelver.domain.records import LineageNode, Link
from modelver.records import yaml
from modelver.records.nodes import Fields
from modelver.records.schema import input_mapping, read_input
from modelver.records.shape import filled, ordered, parsed, said
from modelver.records.values import WORD, digest, mapping, moment, moment_text, one_of, optional, text, word

NODE_KINDS = ("data", "code", "model")


def is_word(text: str) -> bool:
    """Whether `text` may be a relation."""
    return WORD.fullmatch(text) is not None


def parse_node(data: bytes, name: str) -> LineageNode:
    """The node of the lineage that the file `name` records."""
    return parsed(data, name, _lineage_node)


def dump_node(node: LineageNode) -> bytes:
    """The file of a node."""
    return yaml.write(
        {
            "format": node.format,
            "kind": node.kind,
            "id": node.id,
            **said(digest=node.digest, uri=node.uri),
            "created_at": moment_text(node.created_at),
            "created_by": node.created_by,
            "message": node.message,
            **filled(meta=ordered(node.meta), inputs=[input_mapping(each) for each in node.inputs]),
            **ordered(node.more),
        }
    )


def _lineage_node(fields: Fields) -> LineageNode:
    return LineageNode(
        kind=fields.need("kind", one_of(*NODE_KINDS)),
        id=fields.need("id", text),
        digest=fields.may("digest", optional(digest), None),
        uri=fields.may("uri", optional(text), None),
        created_at=fields.need("created_at", moment),
        created_by=fields.need("created_by", text),
        message=fields.may("message", text, ""),
        meta=fields.may("meta", mapping, {}),
        inputs=fields.each("inputs", read_input),
        more=fields.rest(),
    )


def parse_link(data: bytes, name: str) -> Link:
    """The edge of the lineage that the file `name` records."""
    return parsed(data, name, _link)


def dump_link(link: Link) -> bytes:
    """The file of an edge."""
    return yaml.write(
        {
            "format": link.format,
            "down": link.down,
            "relation": link.relation,
            "up": link.up,
            "created_at": moment_text(link.created_at),
            "created_by": link.created_by,
            "message": link.message,
            **ordered(link.more),
        }
    )


def _link(fields: Fields) -> Link:
    return Link(
        down=fields.need("down", text),
        relation=fields.need("relation", word),
        up=fields.need("up", text),
        created_at=fields.need("created_at", moment),
        created_by=fields.need("created_by", text),
        message=fields.may("message", text, ""),
        more=fields.rest(),
    )
