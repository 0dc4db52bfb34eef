"""The second of a new version, which its id is made of (rule I2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath

from modelver.catalog import Catalog
from modelver.domain import names
from modelver.errors import Conflict, UsageError
from modelver.records import layout


def check_time(moment: datetime | None) -> None:
    """Git's own dates and the ids both end somewhere; what is meant lies well between."""
    if moment is not None and not (moment.tzinfo is not None and 1970 <= moment.year <= 2100):
        raise UsageError(f"{moment.isoformat()} is no time with a zone between 1970 and 2100", hint="--time ISO8601")


def moment_for(
    catalog: Catalog, model: str, digest: str, indexed: Iterable[str], *, now: datetime, chosen: datetime | None
) -> datetime:
    """The second of the next version: later than the model's newest, and its id used by nobody.

    `indexed` are the paths of the index, where a version may wait for a commit; `chosen` is a second set by hand.
    """
    folder = layout.model_directory(model) + "/versions/"
    staged = [PurePosixPath(path).stem for path in indexed if path.startswith(folder)]
    if chosen is not None:
        version = names.version_id(chosen, digest)
        if _is_taken(catalog, staged, version):
            raise Conflict(f"there is a version {version} already", hint="give another second with --time")
        return chosen.astimezone(UTC).replace(microsecond=0)
    known = catalog.versions(model)[-1:] + [each for each in staged if names.is_version_id(each)]
    moment = names.next_moment(now, max(known, default=None))
    newest = _newest_tagged(catalog, model, moment)
    if newest is not None:
        names.next_moment(now, newest)
        moment = names.next_moment(moment, newest)
    while _is_taken(catalog, staged, names.version_id(moment, digest)):
        moment += timedelta(seconds=1)
    return moment


def _newest_tagged(catalog: Catalog, model: str, since: datetime) -> str | None:
    """The newest version of a model that a tag knows, if it is not older than `since`."""
    later = (each for each in sorted(catalog.tag_names, reverse=True) if names.version_moment(each) >= since)
    for version in later:
        if model in Catalog(catalog.repository, catalog.tag_commit(version)).holders(version):
            return version
    return None


def _is_taken(catalog: Catalog, indexed: Sequence[str], version: str) -> bool:
    return version in catalog.tag_names or version in indexed or bool(catalog.holders(version))
