"""Sends the same requests to the sandbox and to a real API server and compares the answers.

Where they differ the sandbox is wrong. Answers are compared after server-made values (uids, times,
addresses) are replaced, and without what controllers write in their own time.
"""

import base64
import copy
import http.client
import json
import re
import ssl
import tempfile
import urllib.parse

import yaml

from harness.clusters import SandboxCluster

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"

CONTROLLERS = {"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"}


class Server:
    """One API server, reached as a kubeconfig says."""

    def __init__(self, kubeconfig, context=None):
        with open(kubeconfig, encoding="utf-8") as file:
            config = yaml.safe_load(file)
        name = context or config["current-context"]
        chosen = next(c["context"] for c in config["contexts"] if c["name"] == name)
        cluster = next(c["cluster"] for c in config["clusters"] if c["name"] == chosen["cluster"])
        user = next(u["user"] for u in config["users"] if u["name"] == chosen["user"])
        self.url = urllib.parse.urlparse(cluster["server"])
        self.token = user.get("token")
        self.tls = None
        if self.url.scheme == "https":
            self.tls = ssl.create_default_context()
            if "certificate-authority-data" in cluster:
                authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
                self.tls.load_verify_locations(cadata=authority)
            else:
                self.tls.load_verify_locations(cafile=cluster["certificate-authority"])
            if "client-certificate-data" in user:
                with tempfile.NamedTemporaryFile(suffix=".pem") as pair:
                    pair.write(base64.b64decode(user["client-certificate-data"]))
                    pair.write(base64.b64decode(user["client-key-data"]))
                    pair.flush()
                    self.tls.load_cert_chain(pair.name)
            elif "client-certificate" in user:
                self.tls.load_cert_chain(user["client-certificate"], user["client-key"])
        self.connection = None

    def send(self, method, path, body=None, content_type="application/json", accept=None,
             token=None, agent="comparison/1.0"):
        """Returns (status, parsed body or text, headers)."""
        headers = {"User-Agent": agent, "Accept": accept or "application/json"}
        if token or self.token:
            headers["Authorization"] = "Bearer " + (token or self.token)
        data = None
        if body is not None:
            data = body if isinstance(body, str) else json.dumps(body)
            headers["Content-Type"] = content_type
        for attempt in (1, 2):
            if self.connection is None:
                if self.tls:
                    self.connection = http.client.HTTPSConnection(
                        self.url.hostname, self.url.port, context=self.tls, timeout=60)
                else:
                    self.connection = http.client.HTTPConnection(
                        self.url.hostname, self.url.port, timeout=60)
            try:
                self.connection.request(method, path, body=data, headers=headers)
                response = self.connection.getresponse()
                text = response.read().decode()
                break
            except (http.client.HTTPException, OSError):
                self.connection = None
                if attempt == 2:
                    raise
        try:
            return response.status, json.loads(text), response.headers
        except ValueError:
            return response.status, text, response.headers


class Both:
    """A real server and a sandbox of our own beside it."""

    def __init__(self, real_server, folder):
        self.real_record = real_server.start()
        self.sandbox_cluster = SandboxCluster(folder)
        self.kubeconfigs = {"real": self.real_record["kubeconfig"], "sandbox": self.sandbox_cluster.kubeconfig}
        self.real, self.sandbox = (Server(path) for path in self.kubeconfigs.values())

    def stop(self):
        self.sandbox_cluster.close()


VOLATILE = {"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "time",
            "lastTransitionTime", "lastUpdateTime", "lastHeartbeatTime", "lastProbeTime",
            "startTime", "startedAt", "finishedAt", "completionTime", "remainingItemCount",
            "firstTimestamp", "lastTimestamp", "lastPhaseTransitionTime", "eventTime", "selfLink",
            "podIP", "podIPs", "hostIP", "hostIPs", "nodeName", "clusterIP", "clusterIPs",
            "nodePort", "healthCheckNodePort", "containerID", "continue", "buildDate",
            # Each has a scheduler of its own, and random hashes.
            "topology.kubernetes.io/zone", "volume.kubernetes.io/selected-node",
            "pod-template-hash",
            "kubernetes.io/description"}  # words of a controller about itself


def normalise(value, key=None, path=()):
    """`value` without what every server makes differently."""
    if isinstance(value, dict):
        out = {}
        for name, member in value.items():
            if name == "managedFields" and isinstance(member, list):
                entries = [normalise(e, None, path) for e in member
                           if e.get("manager") not in CONTROLLERS]
                out[name] = sorted(entries, key=lambda e: json.dumps(e, sort_keys=True))
            elif path == () and name == "status" and isinstance(member, dict):
                continue
            elif name in VOLATILE and not name.startswith("f:"):
                # What matters is whether there is one.
                out[name] = "<" + name + ">" if member else member
            elif name == "deployment.kubernetes.io/revision":
                continue
            else:
                out[plain(name)] = normalise(member, name, path + (name,))
        if out.get("annotations") == {}:
            del out["annotations"]
        return out
    if isinstance(value, list):
        return [normalise(item, key, path + (i,)) for i, item in enumerate(value)]
    return plain(value)


def plain(value):
    """Text without random names, times and addresses."""
    if isinstance(value, str):
        value = re.sub(r"kube-api-access-[a-z0-9]{5}", "kube-api-access-<x>", value)
        value = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uid>",
                       value)
        value = re.sub(r"\b([a-z]+)-[bcdfghjklmnpqrstvwxz2456789]{8,10}\b", r"\1-<hash>", value)
        value = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>", value)
        value = re.sub(r"-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\n",
                       "<certificate>", value, flags=re.DOTALL)
        value = re.sub(r"\b(10\.(96|244)|198\.18)\.\d+\.\d+\b", "<ip>", value)
    return value


def without_structs(text):
    """A complaint without what the sandbox words otherwise: differences of Go structs, which it does
    not have, and pod templates, which it prints with the API's names."""
    text = re.sub(r"Invalid value: \{.*\"[Cc]ontainers\":\[.*\}: field is immutable$",
                  "Invalid value: <pods>: field is immutable", text)
    return re.sub(r"(is immutable after creation)\n.*", r"\1", text, flags=re.DOTALL)


def normalise_status(body):
    """A Status: causes are a set, the rest as it is."""
    body = copy.deepcopy(body)
    details = body.get("details") or {}
    # The server collects some complaints in random order; the causes below hold all of them.
    body["message"] = re.sub(r"( is invalid: \[).*", r"\1...]",
                             without_structs(body.get("message", "")), flags=re.DOTALL)
    if "causes" in details:
        for cause in details["causes"]:
            cause["message"] = without_structs(cause["message"])
        details["causes"] = sorted(details["causes"], key=lambda c: json.dumps(c, sort_keys=True))
    if details.get("uid"):
        details["uid"] = "<uid>"
    out = {k: normalise(v, k, ("status", k)) for k, v in body.items()}
    return out


def normalised(answer, keep_status=False):
    code, body, _ = answer
    if isinstance(body, dict) and body.get("kind") == "Status":
        return code, normalise_status(body)
    if isinstance(body, dict):
        out = normalise(body)
        if keep_status and "status" in body:
            out["status"] = normalise(body["status"], None, ("status",))
        return code, out
    return code, body


def differences(real, sandbox, path=""):
    """What differs, one line each."""
    if path == "" and real[0] != sandbox[0]:
        return [f"answers {code} {json.dumps(body)[:1500]}" for code, body in (real, sandbox)]
    if type(real) is not type(sandbox):
        return [f"{path}: real {json.dumps(real)} sandbox {json.dumps(sandbox)}"]
    if isinstance(real, dict):
        out = []
        for name in sorted(set(real) | set(sandbox)):
            here = f"{path}.{name}"
            if name not in real:
                out.append(f"{here}: only in sandbox: {json.dumps(sandbox[name])}")
            elif name not in sandbox:
                out.append(f"{here}: only in real: {json.dumps(real[name])}")
            else:
                out += differences(real[name], sandbox[name], here)
        return out
    if isinstance(real, (list, tuple)):
        out = []
        for i in range(max(len(real), len(sandbox))):
            here = f"{path}[{i}]"
            if i >= len(real):
                out.append(f"{here}: only in sandbox: {json.dumps(sandbox[i])}")
            elif i >= len(sandbox):
                out.append(f"{here}: only in real: {json.dumps(real[i])}")
            else:
                out += differences(real[i], sandbox[i], here)
        return out
    if real != sandbox:
        return [f"{path}:\n    real    {json.dumps(real)}\n    sandbox {json.dumps(sandbox)}"]
    return []
