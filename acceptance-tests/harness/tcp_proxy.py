"""Stands in front of a server that speaks plain TCP, counts messages and loses replies: what the sandbox's faults are for the
services that it does not play."""

import socket
import threading
import time
from collections.abc import Callable


class TcpProxy:
    """`is_write` sees what a client sends in one piece and says whether it changes something."""

    def __init__(self, target: str, is_write: Callable[[bytes], bool], delay: float = 0.0):
        host, port = target.split(":")
        self.target = (host, int(port))
        self.is_write = is_write
        self.delay = delay
        self.messages: list[bytes] = []
        self._lose: str | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def lose(self, when: str) -> None:
        """The next write does not arrive ("before"), or its reply does not ("after")."""
        self._lose = when

    @property
    def writes(self) -> int:
        return sum(self.is_write(message) for message in self.messages)

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        lost = threading.Event()
        with client, socket.create_connection(self.target) as server:
            back = threading.Thread(target=self._pass_back, args=(server, client, lost), daemon=True)
            back.start()
            try:
                while piece := client.recv(1 << 20):
                    self.messages.append(piece)
                    if self._lose and self.is_write(piece):
                        when, self._lose = self._lose, None
                        if when == "before":
                            return
                        lost.set()
                    time.sleep(self.delay)
                    server.sendall(piece)
                server.shutdown(socket.SHUT_WR)
                back.join(10)
            except OSError:
                return

    @staticmethod
    def _pass_back(server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        try:
            while piece := server.recv(1 << 20):
                if lost.is_set():
                    break
                client.sendall(piece)
            client.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def is_dns_update(message: bytes) -> bool:
    """Opcode 5, behind the two bytes of length (RFC 2136, section 2.2)."""
    return len(message) > 4 and (message[4] >> 3) & 0xF == 5


def is_http_write(message: bytes) -> bool:
    return message.split(b" ", 1)[0] in (b"POST", b"PUT", b"PATCH", b"DELETE")
