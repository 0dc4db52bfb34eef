"""Reading a file once and giving its bytes to several consumers at the same time.

The caller's thread reads, each consumer runs in a thread of its own, and a small ring of buffers lies
between them, so that reading, hashing and writing overlap and memory stays constant.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from queue import SimpleQueue

from modelver import files

CHUNK = 2 << 20  # bytes; 1 to 4 MiB were equally fast, 8 slower
DEPTH = 8  # buffers: 16 MiB in all

Sink = Callable[[memoryview], object]


def pump(descriptor: int, size: int, sinks: Sequence[Sink]) -> int:
    """Read the next `size` bytes of an open file once; every sink gets them all, in order.

    Returns how many bytes there were, at most `size`. An error of a sink is raised here, and a sink is
    never called any more once this function has returned or raised.
    """
    source = files.FrontToBack(descriptor, size)
    ring = _Ring(sinks, min(DEPTH, size // CHUNK + 1))
    total = 0
    try:
        ring.start()  # within `try`: an interruption must find the threads that run already
        while total < size:
            slot = ring.empty.get()
            if ring.error is not None:
                break
            count = min(source.into(ring.buffers[slot]), size - total)
            if not count:
                break
            ring.hand_out(slot, count)
            total += count
    except BaseException:
        ring.stopped = True
        raise
    finally:
        ring.close()
    if ring.error is not None:
        raise ring.error
    return total


class _Ring:
    """Buffers that go round between one reader and the threads of its sinks."""

    def __init__(self, sinks: Sequence[Sink], depth: int) -> None:
        self.buffers = [files.buffer(CHUNK) for _ in range(depth)]
        self.empty: SimpleQueue[int] = SimpleQueue()
        self.error: BaseException | None = None
        self.stopped = False
        self._users = [0] * depth
        self._guard = threading.Lock()
        self._full: list[SimpleQueue[tuple[int, int] | None]] = [SimpleQueue() for _ in sinks]
        for slot in range(depth):
            self.empty.put(slot)
        self._ended = [threading.Event() for _ in sinks]
        self._threads = [
            threading.Thread(target=self._run, args=words, daemon=True)
            for words in zip(sinks, self._full, self._ended, strict=True)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def hand_out(self, slot: int, count: int) -> None:
        self._users[slot] = len(self._full)
        for queue in self._full:
            queue.put((slot, count))

    def close(self) -> None:
        """Wait for the threads; an interruption meanwhile only makes them stop sooner.

        Nobody may close a file that a thread still writes to: its number could belong to another file.
        Not by `join`: interrupted, it takes a running thread for ended (Python 3.11, bpo-45274). A thread
        without `ident` was not started, or finds nothing to do when it comes up.
        """
        interruption: BaseException | None = None
        closed = False
        while not closed:
            try:
                for queue in self._full:
                    queue.put(None)
                for thread, ended in zip(self._threads, self._ended, strict=True):
                    if thread.ident is not None:
                        ended.wait()
                closed = True
            except KeyboardInterrupt as error:
                self.stopped, interruption = True, error
        if interruption is not None:
            raise interruption

    def _run(self, sink: Sink, queue: SimpleQueue[tuple[int, int] | None], ended: threading.Event) -> None:
        try:
            self._drain(sink, queue)
        finally:
            ended.set()

    def _drain(self, sink: Sink, queue: SimpleQueue[tuple[int, int] | None]) -> None:
        while (block := queue.get()) is not None:
            slot, count = block
            if not self.stopped:
                with contextlib.suppress(_Failed):
                    self._feed(sink, self.buffers[slot][:count])
            self._release(slot)  # also after an error: the reader must never wait for nothing

    def _feed(self, sink: Sink, view: memoryview) -> None:
        try:
            sink(view)
        except BaseException as error:
            self.error, self.stopped = self.error or error, True
            raise _Failed from error

    def _release(self, slot: int) -> None:
        with self._guard:
            self._users[slot] -= 1
            last = self._users[slot] == 0
        if last:
            self.empty.put(slot)


class _Failed(Exception):
    """A sink failed; the ring remembers why."""
