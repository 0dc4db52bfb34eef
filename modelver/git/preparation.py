"""Make all objects of a write, and the journal that tells of it; nothing points at them yet."""

from __future__ import annotations

import dataclasses
import os
import secrets
from pathlib import Path

from modelver.errors import Conflict
from modelver.git import exclude, index, moving, worktree
from modelver.git.change import Change, Move, Snapshot, Tag
from modelver.git.configuration import Configuration, Identity
from modelver.git.journal import Journal, NewTag, RecordFile
from modelver.git.objects import Draft, commit_body, graft, send, tag_body
from modelver.git.repository import Repository
from modelver.git.signatures import sign_commit, sign_tag


@dataclasses.dataclass(frozen=True)
class Preparation:
    """Prepares one write: who makes it, and on which state.

    `aside`: on a branch that is not checked out, so that index and work tree have no part in it. `staged`: without
    a commit, for one of the user's.
    """

    repository: Repository
    configuration: Configuration
    identity: Identity
    snapshot: Snapshot
    staging: Path
    aside: bool = False
    staged: bool = False

    def of_change(self, change: Change) -> Journal:
        """The journal of a change, whose objects Git has from now on."""
        repository, snapshot = self.repository, self.snapshot
        draft = Draft(repository.algorithm)
        tree = graft(repository, draft, snapshot.root, change.files) if change.files else snapshot.root
        records: tuple[RecordFile, ...] = ()
        if not self.aside:
            outside = self._outside(change)
            records = tuple(self._record(draft, path, data, outside) for path, data in change.files.items())
            worktree.refuse_obstacles(repository, records)
        journal = self._journal(
            files=records,
            hidden=exclude.unhidden(repository, change.hidden),
            removed=() if self.staged else tuple(change.removed),
            aside=self.aside or not change.files,
        )
        return self._committed(journal, draft, tree, change)

    def of_move(self, move: Move) -> Journal:
        """The journal of a move to a commit that Git has."""
        moving.refuse_hostile(self.repository, self.snapshot.head.commit or "", move.commit)
        draft = Draft(self.repository.algorithm)
        journal = self._journal(removed=tuple(move.removed), moved=True)
        tags = tuple(self._tag(tag, move.commit, draft) for tag in move.tags)
        send(self.repository, draft)
        kept = moving.kept(self.repository, journal.old or "", move.commit)
        return dataclasses.replace(journal, commit=move.commit, tags=tags, kept=kept)

    def again(self, journal: Journal, change: Change) -> Journal:
        """The same write with another message."""
        return self._committed(journal, Draft(self.repository.algorithm), self.repository.root(journal.commit), change)

    def _journal(
        self,
        *,
        files: tuple[RecordFile, ...] = (),
        hidden: tuple[str, ...] = (),
        removed: tuple[tuple[str, str], ...] = (),
        aside: bool = False,
        moved: bool = False,
    ) -> Journal:
        repository, head = self.repository, self.snapshot.head
        return Journal(
            token=secrets.token_hex(16),
            git_dir=os.path.relpath(repository.git_dir, repository.common_dir),
            work_tree=os.path.relpath(repository.work_tree or repository.git_dir, repository.common_dir),
            index=os.path.relpath(repository.index, repository.git_dir),
            branch=head.ref,
            old=None if head.new else head.commit,
            commit="",
            files=files,
            tags=(),
            hidden=hidden,
            removed=removed,
            signed=self.configuration.flag("tag.gpgsign"),
            aside=aside,
            moved=moved,
        )

    def _committed(self, journal: Journal, draft: Draft, tree: str | None, change: Change) -> Journal:
        """Make the commit and the tags; all that is in the draft goes to Git."""
        repository, identity, parent = self.repository, self.identity, self.snapshot.head.commit
        if self.staged:
            send(repository, draft)
            return journal
        if not change.files:
            commit = parent or ""
        elif self.configuration.flag("commit.gpgsign"):
            send(repository, draft)
            commit = sign_commit(repository, tree or "", parent, identity, change.message)
        else:
            body = commit_body(tree or "", parent, identity.author, identity.committer, change.message)
            commit = draft.add("commit", body)
        if journal.signed:
            send(repository, draft)
        tags = tuple(self._tag(tag, commit, draft) for tag in change.tags)
        send(repository, draft)
        return dataclasses.replace(journal, commit=commit, tags=tags)

    def _outside(self, change: Change) -> set[str]:
        if not self.configuration.flag("core.sparsecheckout") or not change.files:
            return set()
        draft = Draft(self.repository.algorithm)
        tree = graft(self.repository, draft, None, {path: data or b"" for path, data in change.files.items()})
        send(self.repository, draft)
        return index.outside_sparse_checkout(self.repository, tree, self.staging)

    def _record(self, draft: Draft, path: str, data: bytes | None, outside: set[str]) -> RecordFile:
        snapshot = self.snapshot
        entry = self.repository.entry(snapshot.root, path) if snapshot.root else None
        old = entry.oid if entry else None
        indexed = snapshot.indexed.get(path)
        if indexed and indexed[2]:
            raise Conflict(
                f"{path} is in conflict, and a person has to decide which side holds",
                hint=[
                    f"take the side of the registry's branch: git checkout --theirs -- {path} where you merge it in,",
                    "--ours where you are on it",
                    f"git add {path} && git commit, then run the command again",
                ],
            )
        if (indexed[1] if indexed else None) != old:
            raise Conflict(
                f"{path} has changes that are staged, but not committed", hint=f"git restore --staged {path}"
            )
        new = None if data is None else draft.add("blob", data)
        return RecordFile(path, old, new, path in outside)

    def _tag(self, tag: Tag, commit: str, draft: Draft) -> NewTag:
        target = tag.target or commit
        new = NewTag(tag.ref, "", tag.tagger, tag.message, tag.target, tag.former)
        if self.configuration.flag("tag.gpgsign"):
            configuration = self.configuration
            oid = sign_tag(
                self.repository,
                new.name,
                target,
                tag.tagger,
                tag.message,
                staging=self.staging,
                configuration=configuration,
            )
        else:
            oid = draft.add("tag", tag_body(target, new.name, tag.tagger, tag.message))
        return dataclasses.replace(new, oid=oid)
