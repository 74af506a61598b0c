"""As much of a Kubernetes client as starting a cluster needs."""

import http.client
import json
import pathlib
import ssl
from typing import Any


class Api:
    """One keep-alive connection with the administrator's certificate. Not for several threads."""

    def __init__(self, port: int, pki: pathlib.Path, timeout: float = 10):
        context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=timeout, context=context
        )

    def request(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status code and decoded answer; code 0 while nobody answers."""
        data = json.dumps(body) if body is not None else None
        try:
            self._connection.request(method, path, data, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0, None
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text.decode(errors="replace")

    def items(self, path: str) -> list[dict[str, Any]]:
        """The items of a list, empty while it cannot be read."""
        code, answer = self.request("GET", path)
        return answer["items"] if code == 200 else []
