"""The operators of a platform, played by tests: their CRDs are the real ones, what they do is as small as can be.

    crds(cluster.api, "ExternalSecret")
    with ExternalSecrets(cluster.api, {"linkwarden": {"id": "x"}}) as operator:
        ...
        operator.rotate({"linkwarden": {"id": "y"}})
"""

import base64
import contextlib
import functools
import pathlib
import re
import subprocess
import threading
from typing import Any

import yaml

from harness.cli import SERVERS, built
from harness.errors import HarnessError
from harness.kubernetes import Api, ApiError

SKIPPED = 77  # of the `servers` command: there is no Go here

# The file of a CRD, by kind.
FILES = {
    "ExternalSecret": "external-secrets.io_externalsecrets",
    "SecretStore": "external-secrets.io_secretstores",
    "ClusterSecretStore": "external-secrets.io_clustersecretstores",
    "Certificate": "cert-manager.io_certificates",
    "ClusterIssuer": "cert-manager.io_clusterissuers",
    "Issuer": "cert-manager.io_issuers",
    "Middleware": "traefik.io_middlewares",
    "IngressRoute": "traefik.io_ingressroutes",
    "ServiceMonitor": "monitoring.coreos.com_servicemonitors",
}


class NoGo(HarnessError):
    """The machine cannot fetch the CRDs."""


@functools.cache
def crd_folder() -> pathlib.Path:
    """The CRDs from their projects' own Go modules; fetched with the first call."""
    run = subprocess.run([SERVERS, "build", "crds"], capture_output=True, text=True)
    if run.returncode:
        raise (NoGo if run.returncode == SKIPPED else HarnessError)(run.stderr)
    return built("crds")


@functools.cache
def crd(kind: str) -> dict[str, Any]:
    text = (crd_folder() / f"{FILES[kind]}.yaml").read_text()
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def install(api: Api, *kinds: str) -> None:
    """Installs the CRDs of these kinds and waits until they are served. Those that are there stay."""
    for kind in kinds:
        api.apply(crd(kind), manager="crds", force=True)
    for kind in kinds:
        api.eventually(lambda kind=kind: serves(api, kind), f"{kind} to be served")


def remove(api: Api, *kinds: str) -> None:
    """And with them all their objects."""
    for kind in kinds:
        name = crd(kind)["metadata"]["name"]
        api.delete("CustomResourceDefinition", None, name)
        api.eventually(lambda kind=kind: not serves(api, kind), f"{kind} to be gone")


def serves(api: Api, kind: str) -> bool:
    document = crd(kind)["spec"]
    version = next(v["name"] for v in document["versions"] if v["storage"])
    code, _ = api.send("GET", f"/apis/{document['group']}/{version}/{document['names']['plural']}?limit=1")
    return code == 200


class Operator:
    """A controller of one kind: `reconcile` for each object that comes or changes, in a thread of its own."""

    kind: str
    manager: str

    def __init__(self, api: Api, namespace: str | None = None):
        self.api = api
        self._namespace = namespace
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self.manager, daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._end.set()
        self._thread.join(30)
        if self._failure:
            raise self._failure

    def reconcile(self, object_: dict[str, Any]) -> None:
        raise NotImplementedError

    def _run(self) -> None:
        try:
            # The CRD may come later.
            while not self._end.wait(0.05):
                with contextlib.suppress(KeyError):
                    self.api.resource(self.kind)
                    break
            while not self._end.is_set():
                try:
                    for event, object_ in self.api.watch(self.kind, self._end, self._namespace):
                        if event != "DELETED":
                            self.reconcile(object_)
                except ApiError as error:
                    if error.code not in (404, 409, 410, 429, 503):  # gone meanwhile, or changed: look again
                        raise
                    self._end.wait(0.05)
        except BaseException as error:  # shown at the end of the test
            self._failure = error
        finally:
            self.api.close()


class ExternalSecrets(Operator):
    """Makes the Secrets that ExternalSecrets describe, from `store`: property by property, by remote key.

    A Secret comes `after` seconds, owned by its ExternalSecret. Like the real one it writes the spec's
    refreshInterval in its own words (a Go duration), and a Ready condition.
    """

    kind = "external-secrets.io/v1/ExternalSecret"
    manager = "external-secrets"

    def __init__(self, api: Api, store: dict[str, dict[str, str]], namespace: str | None = None,
                 after: float = 0):
        super().__init__(api, namespace)
        self._store = store
        self._after = after
        self._lock = threading.Lock()
        self._begun: set[str] = set()
        self._timers: list[threading.Timer] = []

    def __exit__(self, *error) -> None:
        for timer in self._timers:
            timer.cancel()
        super().__exit__(*error)

    def rotate(self, store: dict[str, dict[str, str]]) -> None:
        """The store has other values from now on; every Secret has them when this returns."""
        with self._lock:
            self._store = store
        for object_ in self.api.list(self.kind, self._namespace):
            self._make(object_)

    def reconcile(self, object_: dict[str, Any]) -> None:
        uid = object_["metadata"]["uid"]
        if uid in self._begun or "deletionTimestamp" in object_["metadata"]:
            return
        self._begun.add(uid)
        if not self._after:
            self._make(object_)
            return
        self._status(object_, "False", "SecretSyncedError", "could not get secret data from provider")
        timer = threading.Timer(self._after, self._later, [object_])
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _later(self, object_: dict[str, Any]) -> None:
        try:
            self._make(object_)
        except BaseException as error:
            self._failure = error
        finally:
            self.api.close()

    def _values(self, spec: dict[str, Any]) -> dict[str, str]:
        values: dict[str, str] = {}
        with self._lock:
            for source in spec.get("dataFrom", ()):
                values |= self._store[source["extract"]["key"]]
            for one in spec.get("data", ()):
                values[one["secretKey"]] = self._store[one["remoteRef"]["key"]][one["remoteRef"]["property"]]
        template = spec["target"].get("template", {}).get("data")
        if not template:
            return values
        fill = lambda text: re.sub(r"{{\s*\.(\w+)\s*}}", lambda m: values[m[1]], text)
        return {name: fill(text) for name, text in template.items()}

    def _make(self, object_: dict[str, Any]) -> None:
        metadata, spec = object_["metadata"], object_["spec"]
        data = {k: base64.b64encode(v.encode()).decode() for k, v in self._values(spec).items()}
        self.api.apply({
            "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": data,
            "metadata": {
                "name": spec["target"]["name"], "namespace": metadata["namespace"],
                "ownerReferences": [{
                    "apiVersion": object_["apiVersion"], "kind": object_["kind"], "name": metadata["name"],
                    "uid": metadata["uid"], "controller": True, "blockOwnerDeletion": True,
                }],
            },
        }, manager=self.manager, force=True)
        self.api.patch(self.kind, metadata["namespace"], metadata["name"],
                       {"spec": {"refreshInterval": "1h0m0s"}}, manager=self.manager)
        self._status(object_, "True", "SecretSynced", "secret synced")

    def _status(self, object_: dict[str, Any], ready: str, reason: str, message: str) -> None:
        metadata = object_["metadata"]
        path = self.api.resource(self.kind).path(metadata["namespace"], metadata["name"])
        condition = {"type": "Ready", "status": ready, "reason": reason, "message": message,
                     "lastTransitionTime": "2026-01-01T00:00:00Z"}
        code, answer = self.api.send(
            "PATCH", f"{path}/status?fieldManager={self.manager}", {"status": {"conditions": [condition]}},
            "application/merge-patch+json")
        if code not in (200, 404):
            raise ApiError("PATCH", path, code, answer)


class Certificates(Operator):
    """cert-manager's part for Ingresses (ingress-shim): a Certificate for each entry of `tls`, owned by the Ingress, in the
    name of the issuer that its annotation names; and the Secret of it, which no owner takes along."""

    kind = "networking.k8s.io/v1/Ingress"
    manager = "cert-manager-certificates"
    ISSUERS = {"cert-manager.io/cluster-issuer": "ClusterIssuer", "cert-manager.io/issuer": "Issuer"}

    def reconcile(self, object_: dict[str, Any]) -> None:
        metadata = object_["metadata"]
        annotations = metadata.get("annotations", {})
        for annotation, issuer_kind in self.ISSUERS.items():
            if annotation not in annotations or "deletionTimestamp" in metadata:
                continue
            for entry in object_["spec"].get("tls", ()):
                self.api.apply({
                    "apiVersion": "cert-manager.io/v1", "kind": "Certificate",
                    "metadata": {
                        "name": entry["secretName"], "namespace": metadata["namespace"],
                        "ownerReferences": [{
                            "apiVersion": object_["apiVersion"], "kind": object_["kind"], "name": metadata["name"],
                            "uid": metadata["uid"], "controller": True, "blockOwnerDeletion": True,
                        }],
                    },
                    "spec": {
                        "secretName": entry["secretName"], "dnsNames": entry["hosts"],
                        "issuerRef": {"group": "cert-manager.io", "kind": issuer_kind, "name": annotations[annotation]},
                    },
                }, manager=self.manager, force=True)
                self.api.apply({
                    "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
                    "metadata": {"name": entry["secretName"], "namespace": metadata["namespace"],
                                 "annotations": {"cert-manager.io/issuer-name": annotations[annotation]}},
                    "data": {key: base64.b64encode(key.encode()).decode() for key in ("tls.crt", "tls.key")},
                }, manager=self.manager, force=True)


class Reloader(Operator):
    """Restarts the pods of Deployments that name a Secret in their annotation, when it changes."""

    kind = "v1/Secret"
    manager = "reloader"
    ANNOTATION = "secret.reloader.stakater.com/reload"

    def __init__(self, api: Api, namespace: str):
        super().__init__(api, namespace)
        self._known: dict[str, Any] = {}

    def reconcile(self, object_: dict[str, Any]) -> None:
        name, data = object_["metadata"]["name"], object_.get("data")
        before = self._known.setdefault(name, data)
        if before == data:
            return
        self._known[name] = data
        for deployment in self.api.list("apps/v1/Deployment", self._namespace):
            watched = deployment["metadata"].get("annotations", {}).get(self.ANNOTATION, "")
            if name in watched.split(","):
                reason = {"reloader.stakater.com/last-reloaded-from": f"{name} {object_['metadata']['resourceVersion']}"}
                patch = {"spec": {"template": {"metadata": {"annotations": reason}}}}
                self.api.patch("apps/v1/Deployment", self._namespace, deployment["metadata"]["name"], patch,
                               "strategic", manager=self.manager)
