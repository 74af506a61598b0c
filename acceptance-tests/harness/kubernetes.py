"""What the API server has, read past the provider: a test must not believe its own subject."""

from __future__ import annotations  # Api.list hides the builtin inside of its class

import base64
import contextlib
import dataclasses
import http.client
import json
import pathlib
import ssl
import threading
import time
import urllib.parse
from typing import Any

AGENT = "charon-harness"
PATCH_TYPES = {
    "apply": "application/apply-patch+yaml",
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


class ApiError(AssertionError):
    """An answer that the test did not reckon with."""

    def __init__(self, method: str, path: str, code: int, body: Any):
        message = body.get("message") if isinstance(body, dict) else body
        super().__init__(f"{method} {path}: {code} {message}")
        self.code = code
        self.body = body


@dataclasses.dataclass(frozen=True)
class Resource:
    """A kind as the server offers it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str | None, name: str | None = None) -> str:
        root = "/api/v1" if self.api_version == "v1" else f"/apis/{self.api_version}"
        within = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{within}/{self.plural}" + (f"/{name}" if name else "")


class Api:
    """A Kubernetes client with a bearer token. Safe for concurrent use: one connection a thread."""

    def __init__(self, server: str, ca_file: str, token: str, agent: str = AGENT):
        self.server = server
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": agent}
        self.ca_file = ca_file
        self._context = ssl.create_default_context(cafile=ca_file)
        self._address = urllib.parse.urlsplit(server)
        self._local = threading.local()
        self._resources: list[Resource] | None = None

    # --- Requests -----------------------------------------------------------------------------

    def send(
        self, method: str, path: str, body: Any = None, content_type: str = "application/json",
        accept: str = "application/json",
    ) -> tuple[int, Any]:
        """Status code and decoded answer, whatever the code."""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        headers = self._headers | {"Accept": accept}
        if data is not None:
            headers["Content-Type"] = content_type
        for attempt in (1, 2):
            fresh = getattr(self._local, "connection", None) is None
            if fresh:
                self._local.connection = http.client.HTTPSConnection(
                    self._address.hostname, self._address.port, timeout=60, context=self._context
                )
            connection = self._local.connection
            try:
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                text = response.read()
                if response.will_close:
                    self.close()
                break
            except (OSError, http.client.HTTPException):
                self.close()
                # The server may have closed a connection that was idle; a fresh one tells.
                if fresh or attempt == 2:
                    raise
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text.decode(errors="replace")

    def close(self) -> None:
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _expect(self, method: str, path: str, *args, codes=(200, 201), **kwargs) -> Any:
        code, answer = self.send(method, path, *args, **kwargs)
        if code not in codes:
            raise ApiError(method, path, code, answer)
        return answer

    # --- Kinds --------------------------------------------------------------------------------

    def resource(self, kind: str) -> Resource:
        """By kind ("ConfigMap") or with its version ("apps/v1/Deployment"); asks again for new CRDs."""
        for known in (self._resources, None):
            if known is None:
                known = self._resources = self._discover()
            api_version, _, name = kind.rpartition("/")
            for resource in known:
                if resource.kind == name and api_version in ("", resource.api_version):
                    return resource
        raise KeyError(f"{self.server} does not serve the kind {kind}")

    def _discover(self) -> list[Resource]:
        found = []
        for root in ("/api", "/apis"):
            for group in self._expect("GET", root, accept=DISCOVERY)["items"]:
                for version in group["versions"]:
                    name = group["metadata"].get("name", "")
                    api_version = f"{name}/{version['version']}" if name else version["version"]
                    found += [
                        Resource(api_version, r["responseKind"]["kind"], r["resource"],
                                 r["scope"] == "Namespaced")
                        for r in version.get("resources", ())
                    ]
        return found

    def resources(self) -> list[Resource]:
        self._resources = self._discover()
        return self._resources

    # --- Objects ------------------------------------------------------------------------------

    def get(self, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """The object, None if there is none (or no such kind)."""
        try:
            path = self.resource(kind).path(namespace, name)
        except KeyError:
            return None
        code, answer = self.send("GET", path)
        if code == 404:
            return None
        if code != 200:
            raise ApiError("GET", path, code, answer)
        return answer

    def list(self, kind: str, namespace: str | None = None, labels: str = "") -> list[dict[str, Any]]:
        path = self.resource(kind).path(namespace)
        query = f"?labelSelector={urllib.parse.quote(labels)}" if labels else ""
        return self._expect("GET", path + query)["items"]

    def watch(self, kind: str, until: threading.Event, namespace: str | None = None):
        """(event type, object): what is there, as ADDED, then every change; ends soon after `until` is set."""
        path = self.resource(kind).path(namespace)
        found = self._expect("GET", path)
        yield from (("ADDED", item) for item in found["items"])
        version = found["metadata"]["resourceVersion"]
        while not until.is_set():
            target = f"{path}?watch=true&resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=1"
            connection = http.client.HTTPSConnection(
                self._address.hostname, self._address.port, timeout=60, context=self._context
            )
            with contextlib.closing(connection):
                connection.request("GET", target, headers=self._headers | {"Accept": "application/json"})
                response = connection.getresponse()
                if response.status != 200:
                    raise ApiError("GET", target, response.status, response.read().decode(errors="replace"))
                for line in response:
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise ApiError("GET", target, event["object"].get("code", 0), event["object"])
                    version = event["object"]["metadata"]["resourceVersion"]
                    if event["type"] != "BOOKMARK":
                        yield event["type"], event["object"]

    def create(self, object_: dict[str, Any], manager: str = "somebody") -> dict[str, Any]:
        return self._expect("POST", f"{self._path(object_, named=False)}?fieldManager={manager}", object_)

    def replace(self, object_: dict[str, Any], manager: str = "somebody") -> dict[str, Any]:
        """PUT: the way Terraform's Kubernetes provider and many controllers write."""
        return self._expect("PUT", f"{self._path(object_)}?fieldManager={manager}", object_)

    def apply(
        self, object_: dict[str, Any], manager: str = "somebody", force: bool = False
    ) -> dict[str, Any]:
        """Server-side apply, as a co-owner of fields would do it."""
        query = f"?fieldManager={manager}&force={'true' if force else 'false'}"
        return self._expect("PATCH", self._path(object_) + query, object_, PATCH_TYPES["apply"])

    def patch(
        self, kind: str, namespace: str | None, name: str, patch: Any, how: str = "merge",
        manager: str = "somebody",
    ) -> dict[str, Any]:
        path = f"{self.resource(kind).path(namespace, name)}?fieldManager={manager}"
        return self._expect("PATCH", path, patch, PATCH_TYPES[how])

    def delete(self, kind: str, namespace: str | None, name: str, wait: float = 60) -> None:
        """Deletes and waits up to that many seconds until it is gone."""
        path = self.resource(kind).path(namespace, name)
        self._expect("DELETE", path, codes=(200, 202, 404))
        self.eventually(lambda: self.get(kind, namespace, name) is None, f"{path} to go", wait)

    def contents(self, namespace: str) -> list[str]:
        """Everything in a namespace that Kubernetes did not make itself, as "Kind/name"."""
        found = set()
        for resource in self.resources():
            if not resource.namespaced or resource.kind in ("Event", "Lease", "EndpointSlice"):
                continue
            code, answer = self.send("GET", resource.path(namespace))
            for item in answer["items"] if code == 200 else ():
                name = f"{resource.kind}/{item['metadata']['name']}"
                if name not in ("ConfigMap/kube-root-ca.crt", "ServiceAccount/default"):
                    found.add(name)
        return sorted(found)

    def eventually(self, condition, what: str, seconds: float = 60) -> Any:
        """Asks again and again until it is so."""
        deadline = time.monotonic() + seconds
        while not (answer := condition()):
            assert time.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
            time.sleep(0.05)
        return answer

    def _path(self, object_: dict[str, Any], named: bool = True) -> str:
        resource = self.resource(f"{object_['apiVersion']}/{object_['kind']}")
        metadata = object_["metadata"]
        return resource.path(metadata.get("namespace"), metadata["name"] if named else None)


def kubeconfig(
    server: str, ca: bytes | None, user: dict[str, Any], name: str = "charon-test"
) -> str:
    """A kubeconfig with one context, as JSON (which is YAML)."""
    cluster: dict[str, Any] = {"server": server}
    if ca is not None:
        cluster["certificate-authority-data"] = base64.b64encode(ca).decode()
    return json.dumps({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": name, "user": user}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }, indent=2) + "\n"


def write_kubeconfig(path: pathlib.Path, *args, **kwargs) -> pathlib.Path:
    path.touch(mode=0o600)
    path.write_text(kubeconfig(*args, **kwargs))
    return path


SERVER_MADE = (
    "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "selfLink",
)


def bare(object_: dict[str, Any]) -> dict[str, Any]:
    """An object without what differs from server to server: for comparing two servers."""
    kept = {k: v for k, v in object_.items() if k != "status"}
    kept["metadata"] = {k: v for k, v in object_["metadata"].items() if k not in SERVER_MADE}
    return kept


def managers(object_: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """Who owns which fields: by manager and operation."""
    return {
        (entry["manager"], entry["operation"]): entry.get("fieldsV1", {})
        for entry in object_["metadata"].get("managedFields", ())
        if not entry.get("subresource")
    }
