"""The sandbox against real Headscales: the same requests, the same answers.

    /usr/bin/python3 -m pytest acceptance-tests/sandbox -k headscale

Servers are fresh, so ids are the same on both. What differs by nature (times, keys, random suffixes) is replaced.
"""

import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.parse

import pytest

import comparison
from comparison_headscale import STORIES
from harness.cli import ROOT, built
from harness.clusters import SandboxCluster
from harness.errors import HarnessError
from harness.network import Network, Tailscale

SERVERS = ROOT / "acceptance-tests/servers/servers"


class Server:
    def __init__(self, record):
        self.record = record
        self.port = urllib.parse.urlsplit(record["endpoint"]).port
        self.names = {}

    def send(self, method, path, body=None, token=None):
        """Returns (status, parsed body or text)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {"Authorization": f"Bearer {self.record['api_key']}" if token is None else token}
        data = body if body is None or isinstance(body, str) else json.dumps(body)
        connection.request(method, path, data, headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        try:
            return response.status, json.loads(text)
        except ValueError:
            return response.status, text

    def run(self, step):
        method, path, body, *name = step
        text = json.dumps(body) if isinstance(body, dict) else body
        for known, value in self.names.items():
            text = text and text.replace("{%s}" % known, value)
        answer = self.send(method, path, text)
        if name:
            self.names[name[0]] = answer[1]["preAuthKey"]["key"]
        return answer


def normalise(value, key=None):
    if isinstance(value, tuple):
        return value[0], normalise(value[1])
    if isinstance(value, dict):
        return {name: normalise(member, name) for name, member in value.items()}
    if isinstance(value, list):
        found = [normalise(member, key) for member in value]
        return sorted(found) if key == "subnetRoutes" else found  # In random order, where there are several.
    if isinstance(value, str):
        if key in ("machineKey", "nodeKey", "discoKey"):
            return value.split(":")[0] + (":zero" if set(value.split(":")[1]) == {"0"} else ":<key>")
        if key == "prefix" and "/" not in value:
            return re.sub(r"[\w-]{10,}$", "<prefix>", value.replace("-***", ""))
        if key in ("version", "commit", "buildTime") or key == "apiKey":
            return f"<{key}>"
        # Go's JSON package draws its words anew with each process, so that nobody relies on them.
        value = value.replace("unable to unmarshal", "cannot unmarshal")
        # And its protobuf errors begin with a space or a no-break space, drawn from the checksum of the binary.
        value = value.replace("proto:\u00a0", "proto: ")
        value = re.sub(r"hskey-auth-[\w-]{12}-", "hskey-auth-<prefix>-", value)
        value = re.sub(r"(?<=hskey-auth-<prefix>-)[\w-]{64}", "<secret>", value)
        value = re.sub(r"\b[0-9a-f]{48}\b", "<key>", value)
        if not value.startswith(("0001-01-01T", "2035-")):
            value = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>", value)
        if key == "givenName":
            value = re.sub(r"-[a-z0-9]{8}$", "-<suffix>", value)
    return value


def differences(real, sandbox):
    return comparison.differences(normalise(real), normalise(sandbox))


@pytest.fixture(params=sorted(STORIES))
def both(request, tmp_path):
    """A real Headscale of a version and the sandbox's, both new."""
    version = request.param
    folder = pathlib.Path(tempfile.mkdtemp(prefix="charon-"))  # Sockets need short paths.
    run = subprocess.run([SERVERS, "start", "headscale", "--version", version, "--dir", folder], capture_output=True, text=True)
    if run.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        (pytest.fail if os.environ.get("CI") else pytest.skip)(run.stderr)
    sandbox = SandboxCluster(tmp_path / "sandbox")
    name = "headscale.json" if version == "0.29" else f"headscale-{version}.json"
    try:
        pair = [Server(json.loads(path.read_text())) for path in (folder / "headscale.json", sandbox.folder / name)]
        pair[1].sandbox = sandbox
        yield pair
    finally:
        sandbox.close()
        subprocess.run([SERVERS, "stop", "--dir", folder], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def test_same_answers(both):
    real, sandbox = both
    found = []
    for number, step in enumerate(STORIES[real.record["dialect"]]):
        lines = differences(real.run(step), sandbox.run(step))
        found += [f"step {number} {step[:3]} {line}" for line in lines]
    for token in ("", "Basic eA==", "Bearer x", "Bearer abc.def", f"bearer {real.record['api_key']}"):
        lines = differences(real.send("GET", "/api/v1/user", token=token), sandbox.send("GET", "/api/v1/user", token=token))
        found += [f"token {token!r} {line}" for line in lines]
    assert not found, "\n".join(found)


def test_same_description(both):
    """What tells clients which generation it is: paths, methods, names and places of parameters."""
    described = []
    for server in both:
        code, answer = server.send("GET", "/swagger/v1/openapiv2.json", token="")
        assert code == 200
        operations = {
            (path, method): (operation["operationId"], [(p["name"], p["in"]) for p in operation.get("parameters", [])])
            for path, methods in answer["paths"].items() for method, operation in methods.items()
        }
        # These start a login in a browser, which the sandbox does not play.
        described.append({k: v for k, v in operations.items() if not k[0].startswith("/api/v1/auth/")})
    assert described[0] == described[1]


# --- Machines -----------------------------------------------------------------------------------


class RealMachine:
    """A tailscaled of the comparison."""

    def __init__(self, server, network, folder):
        self.server = server
        self.node = Tailscale(network, folder, built("tailscale"), server.record["endpoint"])

    def register(self, key, hostname, routes=()):
        self.node.start()
        self.node.up(key, hostname, routes)

    def advertise(self, *routes):
        self.node.set_routes(*routes)

    def forget(self):
        self.node.stop()
        self.node.forget()

    def logout(self):
        self.node.logout()


class SandboxMachine:
    """The same, played."""

    def __init__(self, server):
        self.server = server
        self.id = self.key = None

    def act(self, do, **more):
        code, answer = self.server.sandbox.api.send(
            "POST", "/_sandbox/headscale", {"do": do, "dialect": self.server.record["dialect"], "id": self.id, **more})
        assert code == 200, answer
        return answer

    def register(self, key, hostname, routes=()):
        known = {"machine_key": self.key} if self.key else {}
        node = self.act("register", key=key, hostname=hostname, routes=list(routes), **known)["node"]
        self.id, self.key = node["id"], node["machineKey"]

    def advertise(self, *routes):
        self.act("advertise", routes=list(routes))

    def forget(self):
        self.act("offline")
        self.key = None

    def logout(self):
        self.act("logout")


def test_same_nodes(both, tmp_path):
    """Two machines register, advertise, go and come back; the servers know the same of them."""
    real, sandbox = both
    old = real.record["dialect"] == "0.23"
    try:
        network = Network(real.record["endpoint"])
    except HarnessError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="charon-"))
    machines = {
        real: [RealMachine(real, network, folder / str(i)) for i in range(2)],
        sandbox: [SandboxMachine(sandbox) for _ in range(2)],
    }
    found = []

    def state(server):
        paths = ["/api/v1/node", "/api/v1/preauthkey" + ("?user=ann" if old else "")] + (["/api/v1/routes"] if old else [])
        answers = [normalise(server.send("GET", path)[1]) for path in paths]
        if old:  # The order in which routes get their ids is not fixed.
            answers[2]["routes"].sort(key=lambda r: (r["node"]["id"], r["prefix"]))
            for route in answers[2]["routes"]:
                route["id"] = "<id>"
        return {"nodes": answers[0], "keys": answers[1], "routes": answers[2:]}

    def compare(what):
        """Registration and map requests take their time: the real server is asked until it agrees."""
        deadline = time.monotonic() + 25  # 0.29 waits 10 s before it calls a machine offline.
        while lines := comparison.differences(state(real), state(sandbox), "now"):
            if time.monotonic() > deadline:
                found.extend(f"after {what}: {line}" for line in lines)
                break
            time.sleep(0.1)

    def each(index, act, *arguments, compared=True, **more):
        for server in both:
            getattr(machines[server][index], act)(*(server.key if a == "KEY" else a for a in arguments), **more)
        if compared:
            compare(f"{act} of {index}")

    def send(*step):
        lines = differences(real.run(step), sandbox.run(step))
        found.extend(f"{step} {line}" for line in lines)

    try:
        send("POST", "/api/v1/user", {"name": "ann"})
        approvers = '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}], "groups": {"group:g": ["%s"]}, ' \
            '"tagOwners": {"tag:t": ["group:g"]}, "autoApprovers": {"routes": {"10.9.0.0/16": ["group:g"]}}}'
        send("PUT", "/api/v1/policy", {"policy": approvers % ("ann" if old else "ann@")})
        for server in both:
            body = {"user": "ann" if old else "1", "reusable": True, "expiration": "2035-01-02T03:04:05Z"}
            server.key = server.send("POST", "/api/v1/preauthkey", body)[1]["preAuthKey"]["key"]
        each(0, "register", "KEY", "My-Host", routes=("10.1.0.0/16", "10.9.1.0/24"))
        each(1, "register", "KEY", "my-host", routes=("0.0.0.0/0", "::/0", "10.1.0.0/16"))
        if old:
            for prefix in ("10.1.0.0/16", "0.0.0.0/0"):
                for node in ("1", "2"):
                    for server in both:
                        routes = server.send("GET", f"/api/v1/node/{node}/routes")[1]["routes"]
                        for route in routes:
                            if route["prefix"] == prefix:
                                assert server.send("POST", f"/api/v1/routes/{route['id']}/enable") == (200, {})
        else:
            send("POST", "/api/v1/node/1/approve_routes", {"routes": ["10.1.0.0/16", "10.9.1.0/24"]})
            send("POST", "/api/v1/node/2/approve_routes", {"routes": ["10.1.0.0/16", "0.0.0.0/0"]})
            send("POST", "/api/v1/node/2/tags", {"tags": ["tag:t"]})
        compare("approving routes")
        each(0, "advertise", "10.9.1.0/24")
        each(0, "forget", compared=False)
        each(1, "logout")
        each(0, "register", "KEY", "my-host")
        send("DELETE", "/api/v1/node/1", None)
        compare("deletion")
        assert not found, "\n".join(found)
    finally:
        for machine in machines[real]:
            machine.node.stop()
        network.close()
        shutil.rmtree(folder, ignore_errors=True)
