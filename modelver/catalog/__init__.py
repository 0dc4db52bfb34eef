"""All records of one commit, by reference."""

from modelver.catalog.reading import RECORD_LIMIT
from modelver.catalog.records import Catalog

__all__ = ["RECORD_LIMIT", "Catalog"]
