"""Detached processes that a later invocation recognises and stops.

A process is known by its id and the time it started at: the kernel gives ids anew, and a process
that somebody else started must not be killed.
"""

import dataclasses
import os
import pathlib
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence

POLL = 0.01  # seconds
GRACE = 1.0  # seconds between TERM and KILL


@dataclasses.dataclass(frozen=True)
class Process:
    name: str
    pid: int
    started: int  # clock ticks after boot
    log: str

    def runs(self) -> bool:
        return start_time(self.pid) == self.started

    def send(self, number: int) -> None:
        if self.runs():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass


def spawn(
    name: str, command: Sequence[str], folder: pathlib.Path, log: pathlib.Path
) -> Process:
    """Starts a process of its own session, so that it outlives us and our terminal."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)}
    with open(log, "ab") as output:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    child.returncode = 0  # It is not ours to wait for; this keeps Popen from warning about it.
    return Process(name, child.pid, start_time(child.pid) or 0, str(log))


def stop(processes: Iterable[Process]) -> list[Process]:
    """TERM to all, KILL to those that are left after the grace time; returns who needed that."""
    processes = list(processes)
    for process in processes:
        process.send(signal.SIGTERM)
    slow = wait_until_gone(processes, GRACE)
    for process in slow:
        process.send(signal.SIGKILL)
    wait_until_gone(slow, GRACE)
    return slow


def wait_until_gone(processes: Iterable[Process], seconds: float) -> list[Process]:
    """Returns those that still run after that time."""
    deadline = time.monotonic() + seconds
    while left := [p for p in processes if p.runs()]:
        if time.monotonic() > deadline:
            break
        time.sleep(POLL)
    return left


def start_time(pid: int) -> int | None:
    """When a process started, None if there is none or only its zombie."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The name in parentheses may itself contain blanks and parentheses.
    fields = stat.rpartition(")")[2].split()
    state, started = fields[0], int(fields[19])
    return None if state in "ZX" else started
