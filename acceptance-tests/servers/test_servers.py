"""What the scenarios rely on: that the cluster is a real one, that its simulated kubelets do what
they are told, and that the `servers` command leaves nothing behind.

    /usr/bin/python3 -m pytest acceptance-tests/servers
"""

import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import pytest

from charon_servers import builds, cluster, headscale, processes
from charon_servers.errors import SKIPPED, Failure

SERVERS = pathlib.Path(__file__).with_name("servers")
NOT_RUNNING = 3  # exit code of `status`
BOUND = 30  # seconds that anything may take


def servers(*arguments, **options):
    return subprocess.run(
        [sys.executable, SERVERS, *map(str, arguments)], capture_output=True, text=True, **options
    )


def eventually(condition, what):
    """Asks again and again until it is so; fails the test after the bound."""
    deadline = time.monotonic() + BOUND
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)
    return answer


def processes_of(folder):
    """Command lines of all other processes that name this folder, whoever started them."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in line and path.parent.name != str(os.getpid()):
            found.append(line)
    return found


class Kubernetes:
    """A started cluster and its kubectl."""

    def __init__(self, folder):
        self.folder = folder
        self.record = json.loads((folder / "cluster.json").read_text())
        self._kubectl = builds.built("kubernetes") / "kubectl"

    def run(self, *arguments, kubeconfig=None, stdin=None):
        environment = {"KUBECONFIG": kubeconfig or self.record["kubeconfig"], "HOME": str(self.folder)}
        return subprocess.run(
            [self._kubectl, *arguments], env=environment, input=stdin, capture_output=True, text=True
        )

    def __call__(self, *arguments, **options):
        done = self.run(*arguments, **options)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def get(self, *arguments):
        return json.loads(self("get", *arguments, "-o", "json"))

    def apply(self, namespace, *objects):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        return self("-n", namespace, "apply", "--server-side", "-f", "-", stdin=text)

    def wait(self, namespace, target, state):
        return self("-n", namespace, "wait", target, f"--for={state}", f"--timeout={BOUND}s")


@pytest.fixture(scope="session", autouse=True)
def programs():
    try:
        builds.build(["kubernetes"])
    except Failure as failure:
        if failure.exit_code == SKIPPED and not os.environ.get("CI"):
            pytest.skip(str(failure))
        raise


@pytest.fixture(scope="session")
def kubernetes(programs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cluster")
    started = servers("start", "kubernetes", "--dir", folder, "--audit")
    try:
        assert started.returncode == 0, started.stderr
        yield Kubernetes(folder)
    finally:
        servers("stop", "--dir", folder)


@pytest.fixture
def namespace(kubernetes, request):
    name = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")
    kubernetes("create", "namespace", name)
    yield name
    kubernetes("delete", "namespace", name, "--wait=false")


def workload(kind, name, annotations=None, **spec):
    labels = {"app": name}
    pod = {"terminationGracePeriodSeconds": 1, "containers": [{"name": "main", "image": "example.org/app:1"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels, "annotations": annotations or {}}, "spec": pod},
            **spec,
        },
    }


def job(name, annotations=None):
    pod = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "example.org/app:1"}]}
    template = {"metadata": {"annotations": annotations or {}}, "spec": pod}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "template": template},
    }


def service(name, annotations=None):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "annotations": annotations or {}},
        "spec": {"type": "LoadBalancer", "selector": {"app": name}, "ports": [{"port": 80}]},
    }


def config_map(name, **data):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def pod_of(kubernetes, namespace, name):
    """The pod of a workload, once it has a container status."""

    def started():
        for pod in kubernetes.get("pods", "-n", namespace, "-l", f"app={name}")["items"]:
            if pod["status"].get("containerStatuses"):
                return pod
        return None

    return eventually(started, f"a container status in a pod of {name}")


def condition(resource, kind):
    return next((c["status"] for c in resource["status"]["conditions"] if c["type"] == kind), None)


# --- A real API server ------------------------------------------------------------------------


def test_version_is_the_one_that_was_built(kubernetes):
    answer = json.loads(kubernetes("version", "-o", "json"))
    assert answer["serverVersion"]["gitVersion"] == f"v{builds.PROGRAMS['kubernetes'].version}"


def test_server_side_apply_tracks_owners(kubernetes, namespace):
    kubernetes.apply(namespace, config_map("settings", colour="red"))
    managed = kubernetes.get("configmap", "settings", "-n", namespace, "--show-managed-fields")
    (entry,) = managed["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("kubectl", "Apply")
    assert entry["fieldsV1"] == {"f:data": {"f:colour": {}}}

    other = json.dumps(config_map("settings", colour="blue"))
    conflict = kubernetes.run(
        "-n", namespace, "apply", "--server-side", "--field-manager=other", "-f", "-", stdin=other
    )
    assert conflict.returncode != 0
    assert 'conflict with "kubectl": .data.colour' in conflict.stderr


def test_tokens_of_admin_and_powerless(kubernetes):
    context = ssl.create_default_context(cafile=kubernetes.record["ca_file"])

    def code(token):
        request = urllib.request.Request(
            f"{kubernetes.record['server']}/api/v1/secrets", headers={"Authorization": f"Bearer {token}"}
        )
        try:
            return urllib.request.urlopen(request, context=context, timeout=BOUND).status
        except urllib.error.HTTPError as error:
            return error.code

    assert code(kubernetes.record["token"]) == 200
    assert code(kubernetes.record["powerless_token"]) == 403
    assert code("unknown") == 401


def test_powerless_kubeconfig_is_forbidden(kubernetes):
    refused = kubernetes.run("get", "secrets", kubeconfig=kubernetes.record["powerless_kubeconfig"])
    assert refused.returncode != 0
    assert 'User "powerless" cannot list resource "secrets"' in refused.stderr
    assert kubernetes.run("get", "secrets").returncode == 0


def test_audit_log_has_requests_of_users_only(kubernetes, namespace):
    kubernetes.apply(namespace, config_map("audited"))
    lines = pathlib.Path(kubernetes.record["audit_log"]).read_text().splitlines()
    events = [json.loads(line) for line in lines]
    (applied,) = [
        e for e in events if e["verb"] == "patch" and e.get("objectRef", {}).get("name") == "audited"
    ]
    assert applied["requestObject"]["kind"] == "ConfigMap"
    users = {e["user"].get("username", "") for e in events}  # Empty for a wrong token.
    assert "charon-admin" in users
    assert not [u for u in users if u == "kwok" or u.startswith("system:kube")]


def test_listens_on_loopback_only(kubernetes):
    listeners = {}  # inode -> local address, in the kernel's hexadecimal
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":  # LISTEN
                listeners[fields[9]] = fields[1].split(":")[0]
    addresses = []
    for process in kubernetes.record["processes"]:
        for link in pathlib.Path(f"/proc/{process['pid']}/fd").iterdir():
            target = os.readlink(link)
            if target.startswith("socket:["):
                addresses += filter(None, [listeners.get(target[8:-1])])
    assert len(addresses) >= len(kubernetes.record["ports"])
    assert set(addresses) == {"0100007F"}


def test_environment_file_selects_the_cluster(kubernetes):
    script = '. "$0" && "$KUBECTL" get --raw /version && echo "$CHARON_TEST_SERVER"'
    done = subprocess.run(
        ["sh", "-c", script, str(kubernetes.folder / "env")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(kubernetes.record["server"] + "\n")


# --- Controllers, scheduler and simulated kubelets --------------------------------------------


def test_deployment_becomes_ready(kubernetes, namespace):
    kubernetes.apply(namespace, workload("Deployment", "web", replicas=3))
    kubernetes("-n", namespace, "rollout", "status", "deployment/web", f"--timeout={BOUND}s")
    pods = kubernetes.get("pods", "-n", namespace)["items"]
    assert len({pod["status"]["podIP"] for pod in pods}) == 3
    assert len({pod["spec"]["nodeName"] for pod in pods}) == 3


@pytest.mark.parametrize("storage_class", ["standard", "standard-wait"])
def test_stateful_set_gets_its_claim_bound(kubernetes, namespace, storage_class):
    claim = {
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": storage_class,
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    database = workload("StatefulSet", "db", serviceName="db", volumeClaimTemplates=[claim])
    kubernetes.apply(namespace, database)
    kubernetes("-n", namespace, "rollout", "status", "statefulset/db", f"--timeout={BOUND}s")
    kubernetes.wait(namespace, "pvc/data-db-0", "jsonpath={.status.phase}=Bound")
    volume = kubernetes.get("pvc", "data-db-0", "-n", namespace)["spec"]["volumeName"]

    kubernetes("-n", namespace, "delete", "statefulset/db", "pvc/data-db-0")
    kubernetes.wait(namespace, f"pv/{volume}", "delete")


def test_claim_without_class_gets_the_default(kubernetes, namespace):
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "plain"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    kubernetes.apply(namespace, claim)
    kubernetes.wait(namespace, "pvc/plain", "jsonpath={.status.phase}=Bound")
    assert kubernetes.get("pvc", "plain", "-n", namespace)["spec"]["storageClassName"] == "standard"


def test_never_ready_until_the_annotation_goes(kubernetes, namespace):
    kubernetes.apply(namespace, workload("Deployment", "stuck", {"test/never-ready": ""}))
    stuck = pod_of(kubernetes, namespace, "stuck")
    # Another deployment, made later and ready since: there was time enough to become ready.
    kubernetes.apply(namespace, workload("Deployment", "control"))
    kubernetes.wait(namespace, "deployment/control", "condition=Available")
    still = kubernetes.get("pod", stuck["metadata"]["name"], "-n", namespace)
    assert still["status"]["phase"] == "Pending"
    assert condition(still, "Ready") == "False"
    assert still["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"

    kubernetes("-n", namespace, "annotate", "pod", stuck["metadata"]["name"], "test/never-ready-")
    kubernetes.wait(namespace, "deployment/stuck", "condition=Available")


def test_ready_after_delays_readiness(kubernetes, namespace):
    kubernetes.apply(namespace, workload("Deployment", "slow", {"test/ready-after": "3s"}))
    began = time.monotonic()
    assert condition(pod_of(kubernetes, namespace, "slow"), "Ready") == "False"
    kubernetes.wait(namespace, "deployment/slow", "condition=Available")
    assert 2.5 < time.monotonic() - began < 15


@pytest.mark.parametrize(
    "annotation, phase, reason, restarts",
    [
        ("test/crash-loop", "Running", "CrashLoopBackOff", True),
        ("test/image-pull-error", "Pending", "ImagePullBackOff", False),
    ],
)
def test_broken_containers(kubernetes, namespace, annotation, phase, reason, restarts):
    kubernetes.apply(namespace, workload("Deployment", "broken", {annotation: "true"}))
    pod = pod_of(kubernetes, namespace, "broken")
    (container,) = pod["status"]["containerStatuses"]
    assert pod["status"]["phase"] == phase
    assert condition(pod, "Ready") == "False"
    assert container["state"]["waiting"]["reason"] == reason
    assert (container["restartCount"] > 0) == restarts
    if restarts:
        assert container["lastState"]["terminated"]["exitCode"] == 1
    of_pod = f"type=Warning,involvedObject.uid={pod['metadata']['uid']}"
    eventually(
        lambda: kubernetes.get("events", "-n", namespace, "--field-selector", of_pod)["items"],
        "a warning event",
    )


def test_running_pod_can_be_made_to_crash_and_heal(kubernetes, namespace):
    kubernetes.apply(namespace, workload("Deployment", "moody"))
    kubernetes.wait(namespace, "deployment/moody", "condition=Available")
    pod = pod_of(kubernetes, namespace, "moody")["metadata"]["name"]
    kubernetes("-n", namespace, "annotate", "pod", pod, "test/crash-loop=true")
    kubernetes.wait(namespace, "deployment/moody", "condition=Available=False")
    kubernetes("-n", namespace, "annotate", "pod", pod, "test/crash-loop-")
    kubernetes.wait(namespace, "deployment/moody", "condition=Available")


def test_jobs_complete_or_fail(kubernetes, namespace):
    kubernetes.apply(namespace, job("good"), job("bad", {"test/crash-loop": "true"}))
    kubernetes.wait(namespace, "job/good", "condition=Complete")
    kubernetes.wait(namespace, "job/bad", "condition=Failed")


def test_terminate_after_delays_the_end(kubernetes, namespace):
    kubernetes.apply(namespace, workload("Deployment", "clinging", {"test/terminate-after": "3s"}))
    kubernetes.wait(namespace, "deployment/clinging", "condition=Available")
    pod = pod_of(kubernetes, namespace, "clinging")["metadata"]["name"]
    began = time.monotonic()
    kubernetes("-n", namespace, "delete", f"pod/{pod}", f"--timeout={BOUND}s")
    assert 2.5 < time.monotonic() - began < 15


def test_load_balancers_get_addresses(kubernetes, namespace):
    kubernetes.apply(
        namespace, service("without", {"test/no-address": ""}), service("one"), service("two")
    )
    addresses = set()
    for name in ("one", "two"):
        kubernetes.wait(namespace, f"service/{name}", "jsonpath={.status.loadBalancer.ingress[0].ip}")
        status = kubernetes.get("service", name, "-n", namespace)["status"]
        addresses.add(status["loadBalancer"]["ingress"][0]["ip"])
    assert len(addresses) == 2
    # It is older than the two that have one.
    assert kubernetes.get("service", "without", "-n", namespace)["status"] == {"loadBalancer": {}}
    kubernetes("-n", namespace, "annotate", "service", "without", "test/no-address-")
    kubernetes.wait(namespace, "service/without", "jsonpath={.status.loadBalancer.ingress[0].ip}")


def test_ingress_gets_an_address(kubernetes, namespace):
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "front"},
        "spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}},
    }
    kubernetes.apply(namespace, ingress)
    kubernetes.wait(namespace, "ingress/front", "jsonpath={.status.loadBalancer.ingress[0].ip}")


def test_namespace_with_content_goes(kubernetes):
    kubernetes("create", "namespace", "short-lived")
    kubernetes.apply("short-lived", workload("Deployment", "web"), config_map("settings"))
    kubernetes.wait("short-lived", "deployment/web", "condition=Available")
    kubernetes("delete", "namespace", "short-lived", f"--timeout={BOUND}s")
    assert "NotFound" in kubernetes.run("get", "namespace", "short-lived").stderr


# --- Start and stop ---------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    """Where a test starts a cluster of its own, which is stopped whatever happens."""
    folder = tmp_path / "own cluster"
    yield folder
    servers("stop", "--dir", folder)


def test_data_survives_and_stop_leaves_nothing(kubernetes, folder):
    assert servers("status", "--dir", folder).returncode == NOT_RUNNING
    started = servers("start", "kubernetes", "--dir", folder, "--name", "second")
    assert started.returncode == 0, started.stderr
    assert servers("status", "--dir", folder).returncode == 0
    assert len(processes_of(folder)) == 5
    second = Kubernetes(folder)
    second.apply("default", config_map("kept", colour="red"))
    assert second("config", "current-context").strip() == "second"
    assert "NotFound" in kubernetes.run("get", "configmap", "kept").stderr  # Another cluster.

    again = servers("start", "kubernetes", "--dir", folder)
    assert "already running" in again.stderr
    assert len(processes_of(folder)) == 5

    assert servers("stop", "--dir", folder).returncode == 0
    assert processes_of(folder) == []
    assert servers("status", "--dir", folder).returncode == NOT_RUNNING

    restarted = servers("start", "kubernetes", "--dir", folder)
    assert restarted.returncode == 0, restarted.stderr
    assert second.get("configmap", "kept")["data"] == {"colour": "red"}  # Same keys, same port.
    assert servers("stop", "--dir", folder).returncode == 0
    assert processes_of(folder) == []


def test_failed_start_says_why_and_leaves_nothing(folder):
    folder.mkdir()
    (folder / "etcd").write_text("a file where etcd wants its folder")
    failed = servers("start", "kubernetes", "--dir", folder)
    assert failed.returncode == 1
    assert "etcd has ended; the end of " in failed.stderr
    assert "not a directory" in failed.stderr
    assert processes_of(folder) == []


def test_terminated_start_leaves_nothing(folder):
    starter = subprocess.Popen(
        [sys.executable, SERVERS, "start", "kubernetes", "--dir", folder], stderr=subprocess.DEVNULL
    )
    eventually(lambda: len(processes_of(folder)) >= 3, "the first servers")  # Itself counts too.
    starter.send_signal(signal.SIGTERM)
    assert starter.wait(BOUND) == 143
    assert processes_of(folder) == []


def test_stop_after_a_killed_start(folder):
    starter = subprocess.Popen(
        [sys.executable, SERVERS, "start", "kubernetes", "--dir", folder], stderr=subprocess.DEVNULL
    )
    eventually(lambda: (c := cluster.Cluster.load(folder)) and len(c.processes) == 2, "two servers")
    starter.kill()
    starter.wait(BOUND)
    assert processes_of(folder) != []
    assert servers("stop", "--dir", folder).returncode == 0
    assert processes_of(folder) == []


def test_stop_spares_processes_with_a_reused_id(folder, tmp_path):
    with subprocess.Popen(["sleep", str(BOUND)]) as innocent:
        try:
            known = processes.Process("etcd", innocent.pid, processes.start_time(innocent.pid), "")
            other = processes.Process("etcd", innocent.pid, known.started - 1, "")
            processes.stop([other])
            assert innocent.poll() is None
            processes.stop([known])  # The control: with its own start time it is ended.
            assert innocent.wait(BOUND) == -signal.SIGTERM
        finally:
            innocent.kill()


# --- Headscale --------------------------------------------------------------------------------


def ask_headscale(record, path, key=None):
    request = urllib.request.Request(
        record["endpoint"] + path, headers={"Authorization": f"Bearer {key or record['api_key']}"}
    )
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("version", headscale.VERSIONS)
def test_headscale_keeps_data_and_key(short_folder, version):
    try:
        builds.build([f"headscale-{version}"])
    except Failure as failure:
        if failure.exit_code == SKIPPED and not os.environ.get("CI"):
            pytest.skip(str(failure))
        raise
    start = ("start", "headscale", "--version", version, "--dir", short_folder)
    started = servers(*start)
    assert started.returncode == 0, started.stderr
    first = json.loads((short_folder / "headscale.json").read_text())
    assert first["version"].startswith(version) and first["dialect"] == version
    assert ask_headscale(first, "/api/v1/user") == 200
    # Until 0.28 a key that it does not know is taken for a failure of its own.
    assert ask_headscale(first, "/api/v1/user", "wrong") == (401 if version == "0.29" else 500)
    assert pathlib.Path(first["unix_socket"]).is_socket()
    assert "already running" in servers(*start).stderr
    assert servers("status", "--dir", short_folder).returncode == 0
    assert servers("stop", "--dir", short_folder).returncode == 0
    assert servers("status", "--dir", short_folder).returncode == NOT_RUNNING
    assert processes_of(short_folder) == []
    assert servers(*start).returncode == 0
    again = json.loads((short_folder / "headscale.json").read_text())
    assert (again["api_key"], again["endpoint"]) == (first["api_key"], first["endpoint"])
    assert ask_headscale(again, "/api/v1/user") == 200


def test_headscale_of_another_version_is_refused(short_folder):
    short_folder.mkdir(exist_ok=True)
    other = headscale.Headscale(folder=short_folder, version="0.23", ports={"http": 1, "metrics": 2, "grpc": 3})
    other.save()
    failed = servers("start", "headscale", "--version", "0.29", "--dir", short_folder)
    assert failed.returncode == 1
    assert "has the data of Headscale 0.23" in failed.stderr or "is not built" in failed.stderr


@pytest.fixture
def short_folder():
    """Sockets need short paths."""
    with tempfile.TemporaryDirectory(prefix="charon-") as name:
        folder = pathlib.Path(name)
        yield folder
        servers("stop", "--dir", folder)


# --- Builds, with a stand-in for the compiler -------------------------------------------------

COMPILER = """#!/bin/sh
echo called >> "$CALLS"
while [ $# -gt 0 ]; do
  case $1 in -o) target=$2 ;; esac
  shift
done
while [ -e "$CALLS.hold" ]; do :; done
[ ! -e "$CALLS.fail" ] || { echo "no such module"; exit 1; }
echo program > "$target"
"""


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """A cache of its own and a `go` that notes its calls."""
    (tmp_path / "bin").mkdir()
    go = tmp_path / "bin" / "go"
    go.write_text(COMPILER)
    go.chmod(0o755)
    calls = tmp_path / "calls"
    monkeypatch.setenv("CALLS", str(calls))
    monkeypatch.setenv("CHARON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return calls


def calls_of(compiler):
    return len(compiler.read_text().splitlines()) if compiler.exists() else 0


def test_build_happens_once(compiler):
    assert servers("path", "opentofu").returncode == 1
    assert servers("build", "opentofu").returncode == 0
    assert "already built" in servers("build", "opentofu").stderr
    assert calls_of(compiler) == 1
    place = pathlib.Path(servers("path", "opentofu").stdout.strip())
    assert (place / "tofu").read_text() == "program\n"
    assert place.name.startswith(f"opentofu-{builds.PROGRAMS['opentofu'].version}-")


def test_the_extra_ones_are_built_when_asked_for(compiler, monkeypatch):
    asked = []
    monkeypatch.setattr(builds, "build_one", lambda name, *_: asked.append(name))
    builds.build([])
    assert set(builds.PROGRAMS) - set(asked) == {"helm", "hashicorp-kubernetes"}
    asked.clear()
    builds.build([], everything=True)
    assert asked == list(builds.PROGRAMS)
    asked.clear()
    builds.build(["helm"])
    assert asked == ["helm"]


def test_builds_at_the_same_time_wait_for_each_other(compiler):
    hold = compiler.with_name("calls.hold")
    hold.touch()
    command = [sys.executable, SERVERS, "build", "tfplugindocs"]
    first = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    eventually(lambda: calls_of(compiler) == 1, "the first build")
    second = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert "another build is under way" in second.stderr.readline()
    hold.unlink()
    assert first.wait(BOUND) == 0
    assert second.wait(BOUND) == 0
    assert calls_of(compiler) == 1


def test_failed_build_is_not_kept(compiler):
    fail = compiler.with_name("calls.fail")
    fail.touch()
    failed = servers("build", "kubernetes")
    assert failed.returncode == 1
    assert "no such module" in failed.stderr
    assert "servers build kubernetes" in failed.stderr
    assert [p.name for p in builds.cache().iterdir()] == ["kubernetes.lock"]
    fail.unlink()
    assert servers("build", "kubernetes").returncode == 0


MODULES = """#!/bin/sh
[ ! -e "$CALLS.fail" ] || { echo "checksum mismatch"; exit 1; }
echo "$4" >> "$CALLS"
folder=$CALLS.modules/$(basename "${4%@*}")
for file in config/crds/bases/external-secrets.io_externalsecrets config/crds/bases/external-secrets.io_secretstores \\
    deploy/crds/cert-manager.io_issuers docs/content/reference/dynamic-configuration/traefik.io_middlewares \\
    example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors; do
  mkdir -p "$folder/$(dirname $file)" && echo "of $4" > "$folder/$file.yaml"
done
echo "{\\"Dir\\": \\"$folder\\"}"
"""


def test_crds_come_from_the_modules_that_are_pinned(compiler, tmp_path):
    (tmp_path / "bin/go").write_text(MODULES)
    assert servers("build", "crds").returncode == 0
    place = pathlib.Path(servers("path", "crds").stdout.strip())
    assert (place / "traefik.io_middlewares.yaml").read_text() == (
        f"of github.com/traefik/traefik/v3@v{builds.PROGRAMS['crds'].required('github.com/traefik/traefik/v3')}\n")
    assert sorted(p.name for p in place.iterdir())[0] == "cert-manager.io_issuers.yaml"
    # Every module that go.mod requires is one that files are taken of.
    required = re.findall(r"^\t(\S+) v", (SERVERS.parent / "crds/go.mod").read_text(), re.MULTILINE)
    assert sorted(line.split("@")[0] for line in compiler.read_text().splitlines()) == sorted(required)


def test_crds_that_cannot_be_had_are_not_kept(compiler, tmp_path):
    (tmp_path / "bin/go").write_text(MODULES)
    compiler.with_name("calls.fail").touch()
    failed = servers("build", "crds")
    assert failed.returncode == 1
    assert "checksum mismatch" in failed.stderr
    assert [p.name for p in builds.cache().iterdir()] == ["crds.lock"]
    compiler.with_name("calls.fail").unlink()
    # A newer module that has them elsewhere.
    (tmp_path / "bin/go").write_text(MODULES.replace("traefik.io_middlewares", "traefik.io_other/x"))
    failed = servers("build", "crds")
    assert failed.returncode == 1
    assert re.search(r"traefik/v3 v\S+ has no docs/content", failed.stderr)


def test_place_depends_on_what_is_built(tmp_path, monkeypatch):
    before = builds.PROGRAMS["opentofu"].place
    monkeypatch.setattr(builds, "HERE", tmp_path)
    (tmp_path / "opentofu").mkdir()
    for name in ("go.mod", "go.sum"):
        (tmp_path / "opentofu" / name).write_bytes((SERVERS.parent / "opentofu" / name).read_bytes())
    assert builds.PROGRAMS["opentofu"].place == before
    with open(tmp_path / "opentofu" / "go.sum", "a") as sums:
        sums.write("\n")
    assert builds.PROGRAMS["opentofu"].place != before


def test_without_go_it_is_skipped(tmp_path, monkeypatch):
    monkeypatch.setenv("CHARON_CACHE", str(tmp_path))
    monkeypatch.setattr(builds.shutil, "which", lambda *_, **__: None)
    for attempt in (lambda: builds.build(["kubernetes"]), lambda: builds.built("kubernetes")):
        with pytest.raises(Failure, match="there is no Go on this machine") as failure:
            attempt()
        assert failure.value.exit_code == SKIPPED
