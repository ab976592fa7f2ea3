"""What a process costs: CPU seconds and memory, from the kernel's own counters."""

import contextlib
import threading
from collections.abc import Iterator

import psutil

__all__ = ["Memory", "cpu_seconds", "peak_memory"]


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its children so far."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(times.user + times.system for times in (one.cpu_times() for one in family))


class Memory:
    """The largest resident size seen, in bytes, and the size at the start."""

    def __init__(self, pid: int) -> None:
        process = psutil.Process(pid)
        self._family = [process, *process.children(recursive=True)]
        self.start = self.peak = self.now()

    def now(self) -> int:
        """Resident bytes of the process and its children."""
        return sum(one.memory_info().rss for one in self._family)


@contextlib.contextmanager
def peak_memory(pid: int, every: float = 0.02) -> Iterator[Memory]:
    """Watches a process while the block runs."""
    memory = Memory(pid)
    done = threading.Event()

    def watch() -> None:
        while not done.wait(every):
            memory.peak = max(memory.peak, memory.now())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield memory
    finally:
        done.set()
        thread.join()
