"""A policy engine that changes objects on their way in, on both servers.

    with mutating(cluster, folder, "Deployment", namespace, {"spec": {"template": {"spec": {"hostNetwork": False}}}}):
        ...  # each Deployment that is written to that namespace has it

A real API server asks a webhook of this process; the sandbox has the same as a scripted mutation. Either way nobody
owns what is added, and a client that applies again meets it again.
"""

import base64
import contextlib
import http.server
import json
import pathlib
import secrets
import threading
from collections.abc import Iterator
from typing import Any

from harness import certificates
from harness.clusters import Cluster


def merged(value: Any, patch: Any) -> Any:
    """A strategic merge patch, as far as tests need it: maps by key, lists of named items by name."""
    if isinstance(value, dict) and isinstance(patch, dict):
        return value | {k: merged(value[k], v) if k in value else v for k, v in patch.items()}
    if isinstance(value, list) and isinstance(patch, list) and all("name" in item for item in value + patch):
        items = {item["name"]: item for item in value}
        for item in patch:
            items[item["name"]] = merged(items.get(item["name"], {}), item)
        return list(items.values())
    return patch


@contextlib.contextmanager
def mutating(cluster: Cluster, folder: pathlib.Path, kind: str, namespace: str, patch: dict[str, Any]) -> Iterator[None]:
    if cluster.kind == "sandbox":
        name = f"mutation-{secrets.token_hex(4)}"
        body = {"id": name, "kind": kind, "namespace": namespace, "patch": patch}
        code, answer = cluster.api.send("POST", "/_sandbox/mutations", body)
        assert code in (200, 201), answer
        try:
            yield
        finally:
            cluster.api.send("DELETE", f"/_sandbox/mutations/{answer.get('id', name)}")
        return
    authority = certificates.Authority("charon-test-webhook")
    pair = authority.issue(addresses=("127.0.0.1",))
    asked = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            asked.set()
            review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            before = review["request"]["object"]
            after = merged(before, patch)
            operations = [
                {"op": "add", "path": f"/{field}", "value": after[field]}
                for field in after if after[field] != before.get(field)
            ]
            response = {
                "uid": review["request"]["uid"], "allowed": True, "patchType": "JSONPatch",
                "patch": base64.b64encode(json.dumps(operations).encode()).decode(),
            }
            text = json.dumps({"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    folder.mkdir(parents=True, exist_ok=True)
    context = certificates.server_context(pair, folder, "webhook")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    resource = cluster.api.resource(kind)
    group, _, version = resource.api_version.rpartition("/")
    name = f"charon-test-{secrets.token_hex(4)}"
    configuration = {
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [{
            "name": "policy.charon.test", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "failurePolicy": "Fail",
            "clientConfig": {"url": f"https://127.0.0.1:{server.server_port}/",
                             "caBundle": base64.b64encode(authority.pem).decode()},
            "rules": [{"apiGroups": [group], "apiVersions": [version], "resources": [resource.plural],
                       "operations": ["CREATE", "UPDATE"]}],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        }],
    }
    try:
        cluster.api.create(configuration)
        _wait_until_asked(cluster, resource.path(namespace), _probe(kind, resource.api_version, namespace), asked)
        yield
    finally:
        cluster.api.delete("MutatingWebhookConfiguration", None, name)
        server.shutdown()
        server.server_close()


def _probe(kind: str, api_version: str, namespace: str) -> dict[str, Any]:
    """A workload that is good enough for a dry run."""
    labels = {"probe": "webhook"}
    return {
        "apiVersion": api_version, "kind": kind, "metadata": {"name": "probe", "namespace": namespace},
        "spec": {"selector": {"matchLabels": labels}, "serviceName": "probe" if kind == "StatefulSet" else None,
                 "template": {"metadata": {"labels": labels},
                              "spec": {"containers": [{"name": "probe", "image": "registry.example.org/probe:1"}]}}},
    }


def _wait_until_asked(cluster: Cluster, path: str, probe: dict[str, Any], asked: threading.Event) -> None:
    """The API server learns of a configuration by a watch: a dry run tells when it has."""
    def is_asked() -> bool:
        cluster.api.send("POST", f"{path}?dryRun=All", probe)
        return asked.is_set()

    cluster.api.eventually(is_asked, "the webhook to be asked", 30)
