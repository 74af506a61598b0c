"""Other processes, seen through /proc."""

import contextlib
import os
import pathlib
import threading
from collections.abc import Iterator

POLL = 0.005  # seconds


def name(pid: int) -> str:
    """The program's name, of which the kernel keeps 15 bytes; "" if the process is gone."""
    return _read(f"/proc/{pid}/comm").decode(errors="replace").strip()


def arguments(pid: int) -> str:
    return _read(f"/proc/{pid}/cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def all_with_environment(setting: str) -> list[int]:
    """Processes that were started with this NAME=value."""
    wanted = setting.encode()
    return [
        pid for pid in _all() if pid != os.getpid() and wanted in _read(f"/proc/{pid}/environ").split(b"\0")
    ]


def cpu_seconds(pid: int) -> float:
    """What it has used so far; 0 if it is gone."""
    fields = _fields(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if fields else 0


def descendants(ancestor: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid in _all():
        if fields := _fields(pid):
            children.setdefault(int(fields[1]), []).append(pid)
    found, left = [], [ancestor]
    while left:
        below = children.get(left.pop(), [])
        found += below
        left += below
    return found


def is_stopped(pid: int) -> bool:
    """Whether none of its threads goes on: after SIGSTOP, or since it has ended."""
    threads = [_read(str(stat)) for stat in pathlib.Path(f"/proc/{pid}/task").glob("*/stat")]
    return all(stat.rpartition(b")")[2].split()[:1] in ([b"T"], [b"Z"], [b"X"], []) for stat in threads)


def memory_peak(pid: int) -> int:
    """Most resident memory so far, in bytes; 0 if the process is gone."""
    for line in _read(f"/proc/{pid}/status").decode(errors="replace").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


@contextlib.contextmanager
def recorded_arguments(file: pathlib.Path) -> Iterator[None]:
    """Writes the command line of every process that appears below this one, until the end."""
    seen: set[str] = set()
    done = threading.Event()

    def record() -> None:
        while not done.wait(POLL):
            for pid in descendants(os.getpid()):
                if line := arguments(pid):
                    seen.add(line)

    thread = threading.Thread(target=record, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        file.write_text("".join(f"{line}\n" for line in sorted(seen)))


def _all() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def _fields(pid: int) -> list[str]:
    """Those of /proc/PID/stat (proc_pid_stat(5)) from the third one, the state, on; none if the process is gone."""
    # The second one, the name in parentheses, may itself contain blanks and parentheses.
    return _read(f"/proc/{pid}/stat").decode(errors="replace").rpartition(")")[2].split()


def _read(path: str) -> bytes:
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return b""
