"""A proxy in front of a name server, by TCP: what proxy.Proxy is for HTTP, with the same rules and the same log.

An exchange is one message (RFC 1035, section 4.2.2) with all that comes back; its target is the name that it is about, in an
update (RFC 2136, section 2.2) the zone's. `Answer(code)` gives that code back, unsigned.
"""

import contextlib
import select
import socket
import struct
import threading

from harness.proxy import Answer, Delay, Drop, Exchange, Hang, Steering

UPDATE = 5  # opcode


def name_in(message: bytes) -> str:
    """Of the first question or zone, which no name precedes that it could point to."""
    labels, at = [], 12
    while size := message[at]:
        labels.append(message[at + 1:at + 1 + size].decode(errors="replace"))
        at += 1 + size
    return ".".join(labels).lower()


class DnsProxy(Steering):
    """Listens on a free port of loopback until `stop`."""

    def __init__(self, server: str):
        super().__init__()
        host, port = server.split(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._listener.close()
        self.heal()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError), socket.create_connection(self._server) as server:
            reader = client.makefile("rb")
            while size := reader.read(2):
                message = reader.read(struct.unpack("!H", size)[0])
                is_update = (message[2] >> 3) & 0xF == UPDATE
                exchange = self._note(is_update, "UPDATE" if is_update else "QUERY", name_in(message), {}, message)
                if not self._handle(client, server, exchange, size + message):
                    return

    def _handle(self, client: socket.socket, server: socket.socket, exchange: Exchange, framed: bytes) -> bool:
        released = self._released
        action = self._action(exchange)
        match action:
            case Answer(code=code):
                head = exchange.body[:2] + bytes((exchange.body[2] | 0x80, code)) + bytes(8)
                client.sendall(struct.pack("!H", len(head)) + head)
                return True
            case Drop(acted=False):
                return False
            case Hang(acted=False):
                _until_end(client, released)
                return False
            case Delay(seconds=seconds):
                released.wait(seconds)
        server.sendall(framed)
        if action is None or isinstance(action, Delay):
            self._pass_back(server, client, exchange)
        elif _receive(server):  # it is done
            exchange.acted = True
            if isinstance(action, Hang):
                _until_end(client, released)
        return False

    @staticmethod
    def _pass_back(server: socket.socket, client: socket.socket, exchange: Exchange) -> None:
        """A transfer has several messages, and only the client knows the last."""
        while ready := select.select([server, client], [], [])[0]:
            if client in ready:
                return
            answer = _receive(server)
            if not answer:
                return
            exchange.acted = True
            client.sendall(answer)


def _receive(server: socket.socket) -> bytes:
    """A message with its length; empty at the end."""
    reader = server.makefile("rb", buffering=0)
    parts = b""
    while len(parts) < 2 or len(parts) < 2 + struct.unpack("!H", parts[:2])[0]:
        wanted = 2 - len(parts) if len(parts) < 2 else 2 + struct.unpack("!H", parts[:2])[0] - len(parts)
        piece = reader.read(wanted)
        if not piece:
            return b""
        parts += piece
    return parts


def _until_end(client: socket.socket, released: threading.Event) -> None:
    while not released.wait(0.02):
        if select.select([client], [], [], 0)[0]:
            return
