"""Files of a server's folder: its record, its lock, its logs."""

import contextlib
import os
import pathlib
from collections.abc import Iterator

from charon_servers import builds

LOG_TAIL = 15  # lines


def write(path: pathlib.Path, text: str) -> None:
    """Writes a file that only its owner reads, and that readers never see half of."""
    unfinished = path.with_name(path.name + ".unfinished")
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    unfinished.rename(path)


@contextlib.contextmanager
def locked(folder: pathlib.Path) -> Iterator[None]:
    with builds.locked(folder / "lock", f"another start or stop works on {folder}, waiting for it"):
        yield


def log_tail(path: pathlib.Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-LOG_TAIL:])
