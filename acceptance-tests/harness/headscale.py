"""The VPN servers that scenarios run against: the sandbox's two generations and real Headscales of three.

All are used through `Headscale`, and their machines through `Machine`: played by the sandbox, real tailscaled in a
network namespace otherwise.

    key = headscale.new_key(headscale.new_user(name))
    machine = headscale.machine("web")
    machine.register(key, routes=("10.0.0.0/8",))
    assert headscale.node(machine.id)["online"]
"""

import datetime
import fcntl
import hashlib
import http.client
import json
import pathlib
import secrets
import shutil
import subprocess
import tempfile
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

from harness import kubernetes
from harness.cli import SERVERS, built
from harness.clusters import Request, SandboxCluster
from harness.errors import HarnessError
from harness.network import Network, Tailscale

SANDBOX_VERSIONS = ("0.23", "0.29")
REAL_VERSIONS = ("0.23", "0.26", "0.29")
POLL = 0.05  # seconds; a request costs a real server 0.1 s of work


class Headscale:
    """One server, seen past the provider with the administrator's key."""

    kind: str  # sandbox or real

    def __init__(self, record: dict[str, Any], folder: pathlib.Path):
        self.record = record
        self.endpoint: str = record["endpoint"]
        self.api_key: str = record["api_key"]
        self.version: str = record["dialect"]  # 0.29
        self.base_domain: str = record["base_domain"]
        self.folder = folder
        self._machines: list[Machine] = []

    def __str__(self) -> str:
        return f"{self.kind}-{self.version}"

    @property
    def is_old(self) -> bool:
        """0.23: users by name, routes with ids of their own."""
        return self.version == "0.23"

    @property
    def environment(self) -> dict[str, str]:
        """What leads the provider here."""
        return {"HEADSCALE_ENDPOINT": self.endpoint, "HEADSCALE_API_KEY": self.api_key}

    # --- Requests -----------------------------------------------------------------------------

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status code and decoded answer, whatever the code."""
        address = urllib.parse.urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.api_key}", "User-Agent": kubernetes.AGENT}
        try:
            connection.request(method, f"/api/v1/{path}", None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode()
        finally:
            connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The answer; HarnessError if it is a refusal."""
        code, answer = self.send(method, path, body)
        if code != 200:
            raise HarnessError(f"{method} {path} of {self}: {code} {answer}")
        return answer

    # --- What there is ------------------------------------------------------------------------

    def users(self) -> list[dict[str, Any]]:
        return self.ask("GET", "user")["users"]

    def user(self, name: str) -> dict[str, Any] | None:
        return next((user for user in self.users() if user["name"] == name), None)

    def nodes(self) -> list[dict[str, Any]]:
        return self.ask("GET", "node")["nodes"]

    def node(self, id_: str) -> dict[str, Any] | None:
        return next((node for node in self.nodes() if node["id"] == id_), None)

    def nodes_of_host(self, hostname: str) -> list[dict[str, Any]]:
        return [node for node in self.nodes() if node["name"] == hostname]

    def tags(self, id_: str) -> list[str]:
        """What an administrator or the key gave."""
        node = self.node(id_)
        return node["tags"] if "tags" in node else node["forcedTags"]

    def approved_routes(self, id_: str) -> list[str]:
        """Sorted as text."""
        if self.is_old:
            routes = self.ask("GET", f"node/{id_}/routes")["routes"]
            return sorted(route["prefix"] for route in routes if route["enabled"])
        return sorted(self.node(id_)["approvedRoutes"])

    def offered_routes(self, id_: str) -> list[str]:
        """What its machine offers, approved or not; sorted as text."""
        if self.is_old:
            routes = self.ask("GET", f"node/{id_}/routes")["routes"]
            return sorted(route["prefix"] for route in routes if route["advertised"])
        return sorted(self.node(id_)["availableRoutes"])

    def wait_for_routes(self, id_: str, *routes: str) -> None:
        """They come with the machine's first request for the map, and 0.23 approves none before."""
        self.eventually(lambda: set(routes) <= set(self.offered_routes(id_)), f"node {id_} to offer {', '.join(routes)}")

    def keys(self, user: str) -> list[dict[str, Any]]:
        """The keys of a user, by name."""
        if self.version in ("0.23", "0.26"):
            owner = user if self.is_old else self.user(user)["id"]
            return self.ask("GET", f"preauthkey?user={urllib.parse.quote(owner)}")["preAuthKeys"]
        keys = self.ask("GET", "preauthkey")["preAuthKeys"]
        return [key for key in keys if key["user"] and key["user"]["name"] == user]

    def policy(self) -> str | None:
        code, answer = self.send("GET", "policy")
        return answer["policy"] if code == 200 else None

    # --- Changes by somebody else -------------------------------------------------------------

    def new_user(self, name: str) -> str:
        self.ask("POST", "user", {"name": name})
        return name

    def new_key(self, user: str, *, reusable: bool = True, ephemeral: bool = False, tags: tuple[str, ...] = (),
                expires_in: float = 3600) -> str:
        """A key of a user, by name; the secret."""
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=expires_in)
        body = {"user": user if self.is_old else self.user(user)["id"], "reusable": reusable, "ephemeral": ephemeral,
                "aclTags": list(tags), "expiration": until.isoformat(timespec="seconds").replace("+00:00", "Z")}
        return self.ask("POST", "preauthkey", body)["preAuthKey"]["key"]

    def approve(self, id_: str, *routes: str) -> None:
        """These and no others."""
        if not self.is_old:
            self.ask("POST", f"node/{id_}/approve_routes", {"routes": list(routes)})
            return
        for route in self.ask("GET", f"node/{id_}/routes")["routes"]:
            verb = "enable" if route["prefix"] in routes else "disable"
            self.ask("POST", f"routes/{route['id']}/{verb}")

    def set_policy(self, text: str) -> None:
        self.ask("PUT", "policy", {"policy": text})

    def set_tags(self, id_: str, *tags: str) -> None:
        self.ask("POST", f"node/{id_}/tags", {"tags": list(tags)})

    def expire(self, id_: str) -> None:
        self.ask("POST", f"node/{id_}/expire")

    def delete_node(self, id_: str) -> None:
        self.ask("DELETE", f"node/{id_}")

    def eventually(self, condition, what: str, seconds: float = 30) -> Any:
        """Asks until it is so, and returns what the condition returned."""
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            if time.monotonic() > deadline:
                raise HarnessError(f"waited in vain for {what} on {self}; nodes: {json.dumps(self.nodes(), indent=1)}")
            time.sleep(POLL)
        return answer

    # --- Machines and requests ----------------------------------------------------------------

    def machine(self, hostname: str) -> "Machine":
        """A machine that is not registered yet. It ends with the test."""
        self._machines.append(self._new_machine(hostname))
        return self._machines[-1]

    def _new_machine(self, hostname: str) -> "Machine":
        raise NotImplementedError

    def enter(self, hostname: str, user: str) -> "Machine":
        """A machine that an administrator let in and that never came: for the server a node like others, at two requests."""
        key = {"0.23": "mkey:" + secrets.token_hex(32), "0.26": secrets.token_hex(12)}.get(self.version, "hskey-authreq-" + secrets.token_hex(12))
        self.ask("POST", "debug/node", {"user": user, "key": key, "name": hostname, "routes": []})
        machine = Machine(self, hostname)
        machine.id = self.ask("POST", f"node/register?user={user}&key={key}")["node"]["id"]
        return machine

    @property
    def counts_requests(self) -> bool:
        return self.kind == "sandbox"

    def mark(self) -> int:
        """A position in the request log, where there is one."""
        raise NotImplementedError

    def requests(self, since: int = 0) -> list[Request]:
        """What was asked since `mark()`, the harness's own requests left out."""
        raise NotImplementedError

    def close(self) -> None:
        for machine in self._machines:
            machine.close()


class Machine:
    """A machine with a Tailscale client."""

    def __init__(self, server: Headscale, hostname: str):
        self.server = server
        self.hostname = hostname
        self.id = ""  # Of its node, once it is registered.

    def register(self, key: str, routes: tuple[str, ...] = (), tags: tuple[str, ...] = ()) -> dict[str, Any]:
        """Logs in with a key and waits until the server has it; returns the node."""
        raise NotImplementedError

    def start_registration(self, key: str, routes: tuple[str, ...] = (), tags: tuple[str, ...] = ()) -> None:
        """Logs in and does not wait."""
        raise NotImplementedError

    def advertise(self, *routes: str) -> None:
        raise NotImplementedError

    def offline(self) -> None:
        """0.29 waits 10 s before it says so."""
        raise NotImplementedError

    def online(self) -> None:
        """As the same machine."""
        raise NotImplementedError

    def forget(self) -> None:
        """Loses its state: another registration is another node, and this one stays behind."""
        raise NotImplementedError

    def logout(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass

    @property
    def node(self) -> dict[str, Any] | None:
        """What the server says of it."""
        return self.server.node(self.id)

    @property
    def ipv4(self) -> str:
        return next(address for address in self.node["ipAddresses"] if ":" not in address)


# --- Sandbox ------------------------------------------------------------------------------------


class SandboxHeadscale(Headscale):
    kind = "sandbox"

    def __init__(self, sandbox: SandboxCluster, version: str, folder: pathlib.Path):
        name = "headscale.json" if version == SANDBOX_VERSIONS[-1] else f"headscale-{version}.json"
        super().__init__(json.loads((sandbox.folder / name).read_text()), folder)
        self.sandbox = sandbox
        self.api = "headscale" if version == SANDBOX_VERSIONS[-1] else f"headscale-{version}"

    def act(self, do: str, **more: Any) -> Any:
        """What the control API plays: see ../sandbox/README.md."""
        code, answer = self.sandbox.api.send(
            "POST", "/_sandbox/headscale", {"do": do, "dialect": self.version, **more})
        if code != 200:
            raise HarnessError(f"{do}: {code} {answer}")
        return answer

    def fault(self, **fault: Any) -> None:
        """Scripts trouble for this API: fault(action="status", code=503, path="/node", nth=1)."""
        self.sandbox.fault(self.api, **fault)

    def _new_machine(self, hostname: str) -> Machine:
        return SandboxMachine(self, hostname)

    def mark(self) -> int:
        return self.sandbox.mark()

    def requests(self, since: int = 0) -> list[Request]:
        return self.sandbox.requests_of(self.api, since)


class SandboxMachine(Machine):
    server: SandboxHeadscale

    def __init__(self, server: SandboxHeadscale, hostname: str):
        super().__init__(server, hostname)
        self._key: str | None = None

    def register(self, key, routes=(), tags=()):
        known = {"machine_key": self._key} if self._key else {}
        node = self.server.act(
            "register", key=key, hostname=self.hostname, routes=list(routes), tags=list(tags), **known)["node"]
        self.id, self._key = node["id"], node["machineKey"]
        return node

    def start_registration(self, key, routes=(), tags=()):
        self.register(key, routes, tags)

    def advertise(self, *routes):
        self.server.act("advertise", id=self.id, routes=list(routes))

    def offline(self):
        self.server.act("offline", id=self.id)

    def online(self):
        self.server.act("online", id=self.id)

    def forget(self):
        self.offline()
        self._key = None

    def logout(self):
        self.server.act("logout", id=self.id)


# --- Real ---------------------------------------------------------------------------------------


class RealServers:
    """The real Headscales of a test run, shared by all its processes: one a version, from the first use on.

    The process that began the run stops them.
    """

    def __init__(self, run: pathlib.Path):
        # A socket lies in it, so its name has to be short.
        digest = hashlib.sha256(str(run).encode()).hexdigest()[:12]
        self._folder = pathlib.Path(tempfile.gettempdir()) / f"charon-headscale-{digest}"

    def start(self, version: str) -> dict[str, Any]:
        folder = self._folder / version
        folder.mkdir(parents=True, exist_ok=True)
        with open(self._folder / f"{version}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            command = [SERVERS, "start", "headscale", "--version", version, "--dir", folder]
            run = subprocess.run(command, capture_output=True, text=True)
            if run.returncode:
                raise HarnessError(f"Headscale {version} did not start: {run.stderr}")
        return json.loads((folder / "headscale.json").read_text())

    def stop(self) -> None:
        for version in REAL_VERSIONS:
            if (self._folder / version).exists():
                subprocess.run([SERVERS, "stop", "--dir", self._folder / version], capture_output=True)
        shutil.rmtree(self._folder, ignore_errors=True)


class RealHeadscale(Headscale):
    kind = "real"

    def __init__(self, record: dict[str, Any], folder: pathlib.Path, missing: Callable[[str], Any] | None = None):
        """`missing` is called where this computer cannot run real machines, and does not return."""
        super().__init__(record, folder)
        self._missing = missing
        self._network: Network | None = None
        self._sockets: pathlib.Path | None = None

    def _new_machine(self, hostname: str) -> Machine:
        try:
            clients = built("tailscale")
            if self._network is None:
                self._network = Network(self.endpoint)
                self._sockets = pathlib.Path(tempfile.mkdtemp(prefix="charon-nodes-"))
        except HarnessError as error:
            if self._missing is not None:
                self._missing(str(error))
            raise
        folder = self._sockets / str(len(self._machines))
        return RealMachine(self, hostname, Tailscale(self._network, folder, clients, self.endpoint))

    def mark(self) -> int:
        return 0

    def requests(self, since: int = 0) -> list[Request]:
        raise HarnessError("a real Headscale has no log of requests; look at headscale.counts_requests first")

    def close(self) -> None:
        super().close()
        if self._network is not None:
            self._network.close()
            shutil.rmtree(self._sockets, ignore_errors=True)


class RealMachine(Machine):
    def __init__(self, server: Headscale, hostname: str, client: Tailscale):
        super().__init__(server, hostname)
        self.client = client
        self._runs = False

    def register(self, key, routes=(), tags=()):
        before = {node["id"]: node["nodeKey"] for node in self.server.nodes()}
        self.start_registration(key, routes, tags)

        def registered():
            # A node that is new, or that logged in anew. Its routes come with its first request for the map.
            for node in self.server.nodes_of_host(self.hostname):
                if before.get(node["id"]) != node["nodeKey"] and node["online"]:
                    return node
            return None

        try:
            node = self.server.eventually(registered, f"the registration of {self.hostname}", 60)
        except HarnessError as error:
            raise HarnessError(f"{error}\n{self.client.output()}") from None
        self.id = node["id"]
        return node

    def start_registration(self, key, routes=(), tags=()):
        if not self._runs:
            self.online()
        self.client.up(key, self.hostname, tuple(routes), tuple(tags))

    def advertise(self, *routes):
        self.client.set_routes(*routes)

    def offline(self):
        self.client.stop()
        self._runs = False

    def online(self):
        self.client.start()
        self._runs = True

    def forget(self):
        self.offline()
        self.client.forget()

    def logout(self):
        self.client.logout()

    def close(self):
        self.client.stop()
