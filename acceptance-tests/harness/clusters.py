"""The clusters that scenarios run against: charon-sandbox and the real Kubernetes of ../servers.

Both are used through `Cluster`. A sandbox is started for each test and belongs to it. The real
cluster is started once for a whole test run (see `RealServer`), and each test gets a service account
of its own there, so that the audit log tells whose requests are whose.
"""

import dataclasses
import fcntl
import ipaddress
import json
import os
import pathlib
import secrets
import subprocess
import time
import urllib.parse
from typing import Any

from harness import kubernetes
from harness.cli import ROOT, SERVERS
from harness.errors import HarnessError
from harness.kubernetes import Api
from harness.proxy import REVIEWS, Proxy

ACCOUNTS = "charon-tests"  # namespace of the tests' service accounts
START_WITHIN = 60  # seconds


@dataclasses.dataclass(frozen=True)
class Request:
    """One request as the server's own log has it."""

    method: str
    path: str
    query: dict[str, str]
    agent: str
    code: int
    body: Any  # None where the log has none: the sandbox keeps no bodies

    @property
    def is_write(self) -> bool:
        return (
            self.method in ("POST", "PUT", "PATCH", "DELETE")
            and "dryRun" not in self.query
            and not REVIEWS.search(self.path)
        )

    def __str__(self) -> str:
        query = f"?{urllib.parse.urlencode(self.query)}" if self.query else ""
        return f"{self.method} {self.path}{query} -> {self.code}"


class Cluster:
    """One test's view of an API server."""

    kind: str  # sandbox or real

    def __init__(self, folder: pathlib.Path, server: str, ca_file: pathlib.Path, token: str,
                 admin_token: str):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.server = server
        self.ca_file = pathlib.Path(ca_file)
        self.token = token
        self.api = Api(server, str(ca_file), admin_token)
        self.kubeconfig = self.kubeconfig_for({"token": token}, name="kubeconfig")
        self._proxies: list[Proxy] = []

    # What tests look at most.
    def get(self, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        return self.api.get(kind, namespace, name)

    def has(self, kind: str, namespace: str | None, name: str) -> bool:
        return self.get(kind, namespace, name) is not None

    def kubeconfig_for(self, user: dict[str, Any], *, name: str, server: str = "",
                       ca: bytes | None = None) -> pathlib.Path:
        """A kubeconfig for another user of this cluster, or for another way to it."""
        return kubernetes.write_kubeconfig(
            self.folder / name, server or self.server, ca or self.ca_file.read_bytes(), user
        )

    def proxy(self) -> Proxy:
        """A proxy in front of this cluster; `proxy.kubeconfig` leads through it. Ends with the test."""
        folder = self.folder / f"proxy{len(self._proxies)}"
        proxy = Proxy(self.server, self.ca_file, folder).start()
        proxy.kubeconfig = kubernetes.write_kubeconfig(
            folder / "kubeconfig", proxy.url, proxy.ca, {"token": self.token}
        )
        self._proxies.append(proxy)
        return proxy

    def mark(self) -> int:
        """A position in the request log."""
        raise NotImplementedError

    def requests(self, since: int = 0) -> list[Request]:
        """What was asked with this test's credentials since `mark()`, oldest first, the harness's own
        requests left out. A watch is in it from its beginning on."""
        raise NotImplementedError

    def writes(self, since: int = 0) -> list[Request]:
        return [request for request in self.requests(since) if request.is_write]

    def close(self) -> None:
        for proxy in self._proxies:
            proxy.stop()
        self.api.close()


# --- Sandbox ------------------------------------------------------------------------------------


def sandbox_binary() -> pathlib.Path:
    path = pathlib.Path(os.environ.get("CHARON_SANDBOX") or ROOT / "build/sandbox/charon-sandbox")
    if not os.access(path, os.X_OK):
        raise HarnessError(
            f"there is no sandbox at {path}; build it (cmake -S acceptance-tests/sandbox -B"
            " build/sandbox -G Ninja && cmake --build build/sandbox) or name one in CHARON_SANDBOX"
        )
    return path


class SandboxCluster(Cluster):
    """A charon-sandbox process of its own."""

    kind = "sandbox"

    def __init__(self, folder: pathlib.Path):
        folder.mkdir(parents=True, exist_ok=True)
        self._output = open(folder / "output", "wb")
        self._process = subprocess.Popen(
            [sandbox_binary(), "--dir", folder], stdin=subprocess.DEVNULL, stdout=self._output,
            stderr=self._output, start_new_session=True,
        )
        record = self._wait(folder)
        self._log = folder / "requests.jsonl"
        super().__init__(folder, record["url"], record["ca"], record["token"], record["token"])
        self.powerless_token = record["powerless_token"]

    def _wait(self, folder: pathlib.Path) -> dict[str, Any]:
        deadline = time.monotonic() + START_WITHIN
        # The record is renamed into place once the port is bound.
        while not (folder / "sandbox.json").exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                output = (folder / "output").read_text(errors="replace")
                raise HarnessError(f"charon-sandbox did not start:\n{output}")
            time.sleep(0.005)
        return json.loads((folder / "sandbox.json").read_text())

    def mark(self) -> int:
        return self._log.stat().st_size

    def requests(self, since: int = 0) -> list[Request]:
        return self.requests_of("kubernetes", since)

    def requests_of(self, api: str, since: int = 0) -> list[Request]:
        """Of one of the APIs that the sandbox plays."""
        found = []
        with open(self._log, "rb") as log:
            log.seek(since)
            for line in log:
                entry = json.loads(line)
                if entry["api"] != api or entry["user_agent"] == kubernetes.AGENT:
                    continue
                if api == "kubernetes" and entry["user"] != "admin":
                    continue
                query = dict(urllib.parse.parse_qsl(entry["query"], keep_blank_values=True))
                found.append(Request(
                    entry["method"], entry["path"], query, entry["user_agent"], entry["status"], None
                ))
        return found

    def fault(self, api: str = "", **fault: Any) -> str:
        """Scripts trouble for one of the APIs, or for all: see ../sandbox/README.md. Returns its id."""
        code, answer = self.api.send("POST", "/_sandbox/faults", {"api": api, **fault})
        if code != 200:
            raise HarnessError(f"fault: {code} {answer}")
        return answer["id"]

    def close(self) -> None:
        super().close()
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()


# --- Real ---------------------------------------------------------------------------------------


class RealServer:
    """The real control plane of a test run, shared by all its processes.

    The first that needs it starts it; the process that began the run stops it. With CHARON_REAL_DIR a
    cluster that already runs there is used and left running.
    """

    def __init__(self, folder: pathlib.Path):
        self._own = "CHARON_REAL_DIR" not in os.environ
        self.folder = pathlib.Path(os.environ.get("CHARON_REAL_DIR", folder))

    def start(self) -> dict[str, Any]:
        """The record of the running cluster (see ../servers/README.md)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "harness.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            run = subprocess.run(
                [SERVERS, "start", "kubernetes", "--dir", self.folder, "--audit"],
                capture_output=True, text=True,
            )
            if run.returncode:
                raise HarnessError(f"the real API server did not start: {run.stderr}")
            record = json.loads((self.folder / "cluster.json").read_text())
            api = Api(record["server"], record["ca_file"], record["token"])
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ACCOUNTS}}
            code, answer = api.send("POST", "/api/v1/namespaces", namespace)
            if code not in (201, 409):
                raise HarnessError(f"creating namespace {ACCOUNTS}: {code} {answer}")
        return record

    def stop(self) -> None:
        if self._own and (self.folder / "cluster.json").exists():
            subprocess.run([SERVERS, "stop", "--dir", self.folder], capture_output=True, text=True)


class RealCluster(Cluster):
    kind = "real"

    def __init__(self, folder: pathlib.Path, record: dict[str, Any]):
        self._audit = pathlib.Path(record["audit_log"])
        self._admin = Api(record["server"], record["ca_file"], record["token"])
        account = f"t-{secrets.token_hex(6)}"
        self._user = f"system:serviceaccount:{ACCOUNTS}:{account}"
        token = self._create_account(account)
        self._beginning = self._audit.stat().st_size
        super().__init__(folder, record["server"], record["ca_file"], token, record["token"])
        self.powerless_token = record["powerless_token"]

    def _create_account(self, name: str) -> str:
        path = f"/api/v1/namespaces/{ACCOUNTS}/serviceaccounts"
        metadata = {"name": name, "namespace": ACCOUNTS}
        self._post(path, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata})
        self._post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": f"{ACCOUNTS}-{name}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", **metadata}],
        })
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
                   "spec": {"expirationSeconds": 4 * 3600}}
        token = self._post(f"{path}/{name}/token", request)["status"]["token"]
        # The authorizer learns of the binding by a watch.
        own = Api(self._admin.server, self._admin.ca_file, token)
        self._admin.eventually(
            lambda: own.send("GET", "/api/v1/nodes")[0] == 200, f"the rights of {name}", 10
        )
        own.close()
        return token

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        code, answer = self._admin.send("POST", path, body)
        if code not in (200, 201):
            raise HarnessError(f"POST {path}: {code} {answer}")
        return answer

    def mark(self) -> int:
        return self._audit.stat().st_size

    def requests(self, since: int = 0) -> list[Request]:
        found = []
        with open(self._audit, "rb") as log:
            log.seek(max(since, self._beginning))
            for line in log:
                if not line.endswith(b"\n"):
                    break  # being written
                if self._user.encode() not in line:
                    continue
                event = json.loads(line)
                # A watch is answered at once and completed at its end, the others in one go.
                stage = "ResponseStarted" if event["verb"] == "watch" else "ResponseComplete"
                if event["user"]["username"] != self._user or event["stage"] != stage:
                    continue
                parts = urllib.parse.urlsplit(event["requestURI"])
                method = {"get": "GET", "list": "GET", "watch": "GET", "create": "POST", "update": "PUT",
                          "patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETE"}
                found.append(Request(
                    method.get(event["verb"], event["verb"].upper()), parts.path,
                    dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)),
                    event.get("userAgent", ""), event.get("responseStatus", {}).get("code", 0),
                    event.get("requestObject"),
                ))
        return found

    def close(self) -> None:
        super().close()
        self._admin.close()


# --- Names --------------------------------------------------------------------------------------


class Names:
    """Names that no other test uses: tests share the real cluster."""

    def __init__(self) -> None:
        self._run = secrets.token_hex(4)

    def __call__(self, prefix: str) -> str:
        return f"{prefix}-{self._run}"

    @property
    def mark(self) -> str:
        """What they have in common, and nobody else's name has."""
        return self._run

    @property
    def network(self) -> str:
        """A prefix that no other test routes: of machines that offer the same one, a server has one serve it."""
        return str(ipaddress.ip_network(f"fd{self._run[:2]}:{self._run[2:6]}:{self._run[6:]}00::/48"))

    def are_in(self, text: str) -> bool:
        """Whether a name of these occurs in it."""
        return self._run in text


class Exclusive:
    """Held by one test of the run at a time: for what exists once in a cluster."""

    def __init__(self, folder: pathlib.Path, what: str):
        self._path = folder / f"{what}.lock"

    def __enter__(self) -> None:
        self._file = open(self._path, "w")
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_) -> None:
        self._file.close()
