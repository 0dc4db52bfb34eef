"""Which report a result is in which format."""

from __future__ import annotations

from typing import Any

from modelver.operations.compared import Difference, Trend
from modelver.operations.traced import Traced


def document(result: Any, format: str) -> str:
    """The report of a result in a format; what only that one needs is loaded."""
    match result, format:
        case Difference(), "md":
            from modelver.reports import markdown

            return markdown.difference(result)
        case Difference(), "html":
            from modelver.reports import html

            return html.difference(result)
        case Trend(), "csv" | "svg":
            from modelver.reports import trend

            return trend.csv(result) if format == "csv" else trend.svg(result)
        case Traced(), "dot":
            from modelver.reports import lineage

            return lineage.dot(result.subgraph)
        case Traced(), "mermaid":
            from modelver.reports import lineage

            return lineage.mermaid(result.subgraph)
        case Traced(), "svg":
            from modelver.reports import lineage_svg

            return lineage_svg.svg(result.subgraph)
        case Traced(), "openlineage":
            from modelver.reports import openlineage

            return openlineage.openlineage(result.subgraph, result.namespace, repository=result.repository)
    raise AssertionError(f"no {format} of {type(result).__name__}")
