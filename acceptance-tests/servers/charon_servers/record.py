"""What is known of a server that was started, and the ports that servers are given.

A server has a folder of its own. The record there is what later invocations, and tests, know it from; it is written
before anything depends on it, so that `stop` also cleans up after a start that was killed.
"""

import contextlib
import dataclasses
import json
import pathlib
import socket
from typing import ClassVar, Self

from charon_servers.files import write
from charon_servers.processes import Process


@dataclasses.dataclass(kw_only=True)
class Server:
    RECORD: ClassVar[str]  # The file's name.

    folder: pathlib.Path
    ports: dict[str, int]
    processes: list[Process] = dataclasses.field(default_factory=list)

    def facts(self) -> dict:
        """What the record tells besides ports and processes."""
        raise NotImplementedError

    @staticmethod
    def fields_of(facts: dict) -> dict:
        """The subclass's own fields, from a record."""
        raise NotImplementedError

    def runs(self) -> bool:
        return bool(self.processes) and all(p.runs() for p in self.processes)

    def save(self) -> None:
        record = self.facts() | {"ports": self.ports, "processes": [dataclasses.asdict(p) for p in self.processes]}
        write(self.folder / self.RECORD, json.dumps(record, indent=2) + "\n")

    @classmethod
    def load(cls, folder: pathlib.Path) -> Self | None:
        try:
            record = json.loads((folder / cls.RECORD).read_text())
        except FileNotFoundError:
            return None
        processes = [Process(**p) for p in record["processes"]]
        return cls(folder=folder, ports=record["ports"], processes=processes, **cls.fields_of(record))


def free_ports(names: tuple[str, ...], wanted: dict[str, int] | None = None) -> dict[str, int]:
    """A port for each listener, the wanted one where it is free."""
    ports = {}
    with contextlib.ExitStack() as held:
        for name in names:
            listener = held.enter_context(socket.socket())
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", (wanted or {}).get(name, 0)))
            except OSError:
                listener.bind(("127.0.0.1", 0))
            ports[name] = listener.getsockname()[1]
    return ports
