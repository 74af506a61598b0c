"""Machines that log in with keys from Secrets, as sidecars do.

As a program it makes a zone at the Cloudflare of a running sandbox and plays the machines, until it is ended:
machines.py SANDBOX_DIR ZONE NAMESPACE [HOST=ROUTE ...]
"""

import base64
import json
import pathlib
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

SUFFIX = "-authkey"
KEY = "TS_AUTHKEY"
POLL = 0.1  # seconds


def keys(api: Any, namespace: str) -> dict[str, str]:
    """Keys by host: of Secrets that are named HOST-authkey."""
    found = {}
    for secret in api.list("Secret", namespace):
        name, data = secret["metadata"]["name"], secret.get("data") or {}
        if name.endswith(SUFFIX) and data.get(KEY):
            found[name.removesuffix(SUFFIX)] = base64.b64decode(data[KEY]).decode()
    return found


class Joining:
    """While this lasts, `join(host, key)` is called for each key that turns up."""

    def __init__(self, api: Any, namespace: str, join: Callable[[str, str], None]):
        self._api, self._namespace, self._join = api, namespace, join
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self.joined: dict[str, str] = {}

    def __enter__(self) -> "Joining":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(POLL):
            for host, key in keys(self._api, self._namespace).items():
                if self.joined.get(host) != key:
                    self.joined[host] = key
                    self._join(host, key)


def main(folder: pathlib.Path, zone: str, namespace: str, routes: dict[str, str]) -> None:
    from harness.kubernetes import Api

    record = json.loads((folder / "sandbox.json").read_text())
    api = Api(record["url"], record["ca"], record["token"])
    if all(one["name"] != zone for one in api.send("GET", "/_sandbox/cloudflare")[1]):
        api.send("POST", "/_sandbox/cloudflare", {"do": "zone", "name": zone})
    machines: dict[str, str] = {}  # Machine keys by host: who comes again is the same machine.

    def join(host: str, key: str) -> None:
        body = {"do": "register", "key": key, "hostname": host, "routes": [routes[host]] if host in routes else []}
        if host in machines:
            body["machine_key"] = machines[host]
        code, answer = api.send("POST", "/_sandbox/headscale", body)
        if code == 200:
            machines[host] = answer["node"]["machineKey"]
            print(f"{host} joined as {answer['node']['ipAddresses'][0]}", flush=True)

    with Joining(api, namespace, join):
        while True:
            time.sleep(3600)


if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    main(pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3], dict(argument.split("=") for argument in sys.argv[4:]))
