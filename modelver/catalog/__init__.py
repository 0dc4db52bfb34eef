"""All records of one commit, by reference."""

from modelver.catalog.records import Catalog

__all__ = ["Catalog"]
