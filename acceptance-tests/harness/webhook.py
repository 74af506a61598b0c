"""An admission webhook of the tests, which a real API server calls on loopback.

    with Webhook("deny.privileged", review, resources=["pods"], namespace=name).on(cluster.api):
        ...

`review(object)` answers None to let it pass, a text to refuse it, or a JSON patch.
"""

import base64
import contextlib
import http.server
import json
import pathlib
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

from harness.certificates import Authority
from harness.kubernetes import Api

Review = Callable[[dict[str, Any]], None | str | list[dict[str, Any]]]
GROUPS = {"configmaps": "", "pods": "", "deployments": "apps", "statefulsets": "apps"}


class Webhook:
    """Reviews creations and updates of `resources` in one namespace."""

    def __init__(self, name: str, review: Review, folder: pathlib.Path, namespace: str,
                 resources: tuple[str, ...] = ("pods",), mutating: bool = False, seconds: int = 10):
        self.name = name
        self._review = review
        self._namespace = namespace
        self._resources = resources
        self._seconds = seconds  # that the API server waits for an answer
        self._kind = f"{'Mutating' if mutating else 'Validating'}WebhookConfiguration"
        authority = Authority()
        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = authority.issue().write(folder, "webhook")
        self._ca = authority.pem
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        webhook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = json.dumps(webhook.answer(asked)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        request = asked["request"]
        found = self._review(request["object"])
        response: dict[str, Any] = {"uid": request["uid"], "allowed": not isinstance(found, str)}
        if isinstance(found, str):
            response["status"] = {"message": found, "code": 403}
        elif found:
            response |= {"patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(found).encode()).decode()}
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}

    def configuration(self) -> dict[str, Any]:
        rules = [
            {"apiGroups": [GROUPS[r]], "apiVersions": ["v1"], "resources": [r], "operations": ["CREATE", "UPDATE"]}
            for r in self._resources
        ]
        return {
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": self._kind,
            "metadata": {"name": f"{self.name}.{self._namespace}"},
            "webhooks": [{
                "name": self.name, "rules": rules, "sideEffects": "None", "admissionReviewVersions": ["v1"],
                "failurePolicy": "Fail", "timeoutSeconds": self._seconds,
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": self._namespace}},
                "clientConfig": {
                    "url": f"https://127.0.0.1:{self._server.server_address[1]}/",
                    "caBundle": base64.b64encode(self._ca).decode(),
                },
            }],
        }

    @contextlib.contextmanager
    def on(self, api: Api, probe: dict[str, Any] | None = None) -> Iterator["Webhook"]:
        """Registered while this lasts. With `probe`, an object that it refuses or never answers, only once it is in force."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        configuration = self.configuration()
        api.create(configuration)
        try:
            if probe is not None:
                resource = api.resource(f"{probe['apiVersion']}/{probe['kind']}")
                path = resource.path(probe["metadata"]["namespace"]) + "?dryRun=All"
                api.eventually(lambda: api.send("POST", path, probe)[0] in (403, 500), f"{self.name} to be in force")
            yield self
        finally:
            api.delete(self._kind, None, configuration["metadata"]["name"])
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)
