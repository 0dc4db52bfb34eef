"""Files of predictions: taken in with a version or a note, and compared pair by pair."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

from modelver.domain.evidence import PREDICTIONS
from modelver.domain.paths import check_relative
from modelver.domain.records import Attachment
from modelver.domain.text import quoted
from modelver.errors import CannotTell, Damaged, ModelverError, UsageError
from modelver.operations.workspace import Workspace
from modelver.storage.hashing import digest_of_bytes

if TYPE_CHECKING:
    from modelver.domain.samples import PerformanceDelta, Samples


def taken(workspace: Workspace, typed: str | None) -> dict[str, Attachment]:
    """The attachment of a file of predictions that a person names, checked and stored; none for None.

    The record keeps its path from the repository's root, of a file from elsewhere its name alone (rule C5). Raises
    `UsageError` for a file that cannot be read as samples, before anything is stored.
    """
    if typed is None:
        return {}
    from modelver.storage.predictions import read_predictions

    path = workspace.typed(typed)
    name = workspace.relative(path) or path.name
    try:
        check_relative(name)
    except ModelverError:
        name = path.name
    if not os.path.isfile(path):
        raise UsageError(f"--predictions: {quoted(typed)} is no file", hint="give a CSV, JSONL or Parquet file")
    try:
        with path.open("rb") as stream:
            read_predictions(stream, name=typed)
    except OSError as error:
        raise UsageError(f"--predictions: {quoted(typed)} cannot be read: {error.strerror}") from error
    stored = workspace.store.put(path, follow_symlinks=True)
    return {PREDICTIONS: Attachment(path=name, digest=stored.digest, size=stored.size)}


class Predictions:
    """The samples of versions, and what two of them tell together; each is read and counted once."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._samples: dict[str, Samples] = {}
        self._deltas: dict[tuple[str, str], PerformanceDelta] = {}

    def samples(self, attachment: Attachment) -> Samples:
        """The samples of one version.

        Raises `NotFound` where their bytes are not on this machine, `Damaged` where they are not what was stored.
        """
        digest = attachment.digest
        if digest not in self._samples:
            from modelver.storage.export import mismatch
            from modelver.storage.predictions import LIMIT, read_predictions

            with self._workspace.store.open(digest) as stream:
                data = stream.read(LIMIT + 1)
            if digest_of_bytes(data) != digest:
                raise mismatch(digest, digest_of_bytes(data))
            try:
                self._samples[digest] = read_predictions(io.BytesIO(data), name=attachment.path, error=Damaged)
            except UsageError as error:  # what is stored was read once; what reads it is not installed here
                raise CannotTell(error.message, hint=error.hints) from error
        return self._samples[digest]

    def delta(self, a: Attachment, b: Attachment) -> PerformanceDelta:
        """What the samples of both tell; raises `CannotTell` where they do not belong together."""
        key = (a.digest, b.digest)
        if key not in self._deltas:
            from modelver.domain.performance import performance
            from modelver.domain.samples import pair

            self._deltas[key] = performance(pair(self.samples(a), self.samples(b)))
        return self._deltas[key]

    def measures(self, attachment: Attachment) -> dict[str, float]:
        """The metrics that the samples of one version give."""
        from modelver.domain.performance import measures

        return measures(self.samples(attachment))
