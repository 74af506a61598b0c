"""A plain HTTP proxy in front of a server whose answers can get lost.

    front = Front(headscale.endpoint)
    front.on("POST", "/user$", acted=True)     # the server does it, the client is never told
    ...
    front.wait_until_held()

What is held stays open until `heal()`; with drop=True the connection is closed instead.
"""

import dataclasses
import http.client
import http.server
import re
import threading
import time
import urllib.parse

from harness.errors import HarnessError


@dataclasses.dataclass
class Rule:
    method: str
    path: re.Pattern
    acted: bool
    drop: bool
    times: int


class Front:
    def __init__(self, server: str):
        self._server = urllib.parse.urlsplit(server)
        self._rules: list[Rule] = []
        self._lock = threading.Lock()
        self._healed = threading.Event()
        self.log: list[str] = []  # "POST /api/v1/user"
        self.held = 0
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def handle_one(self):
                front._handle(self)

            do_GET = do_POST = do_PUT = do_DELETE = handle_one

        self._http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def on(self, method: str, path: str, *, acted: bool, drop: bool = False, times: int = 1) -> None:
        with self._lock:
            self._rules.append(Rule(method, re.compile(path), acted, drop, times))

    def heal(self) -> None:
        """Nothing goes wrong any more; what is held is let go of."""
        with self._lock:
            self._rules.clear()
            self._healed.set()
            self._healed = threading.Event()
            self.held = 0

    def wait_until_held(self, number: int = 1, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while self.held < number:
            if time.monotonic() > deadline:
                raise HarnessError(f"{self.held} of {number} requests are held; there were {self.log}")
            time.sleep(0.02)

    def writes(self) -> list[str]:
        return [line for line in self.log if not line.startswith("GET ")]

    def close(self) -> None:
        self.heal()
        self._http.shutdown()
        self._http.server_close()

    def _rule(self, method: str, path: str) -> Rule | None:
        with self._lock:
            self.log.append(f"{method} {path}")
            for rule in self._rules:
                if rule.times and rule.method == method and rule.path.search(path):
                    rule.times -= 1
                    return rule
        return None

    def _handle(self, client: http.server.BaseHTTPRequestHandler) -> None:
        body = client.rfile.read(int(client.headers.get("Content-Length") or 0))
        rule = self._rule(client.command, client.path)
        if rule and not rule.acted:
            self._lose(client, rule)
            return
        connection = http.client.HTTPConnection(self._server.hostname, self._server.port, timeout=60)
        headers = {k: v for k, v in client.headers.items() if k.lower() not in ("host", "connection", "content-length")}
        try:
            connection.request(client.command, client.path, body or None, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if rule:
            self._lose(client, rule)
            return
        client.send_response_only(answer.status)
        client.send_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        client.send_header("Content-Length", str(len(content)))
        client.end_headers()
        client.wfile.write(content)

    def _lose(self, client: http.server.BaseHTTPRequestHandler, rule: Rule) -> None:
        client.close_connection = True
        if rule.drop:
            return
        with self._lock:
            self.held += 1
            healed = self._healed
        healed.wait(120)
