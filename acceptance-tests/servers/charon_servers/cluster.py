"""A Kubernetes control plane on loopback: started, looked at and stopped.

Everything a cluster has is in one folder; `cluster.json` there is its record.
"""

import base64
import contextlib
import dataclasses
import pathlib
import secrets
import shlex
import time
from collections.abc import Callable

from charon_servers import builds, manifests, pki, processes
from charon_servers.api import Api
from charon_servers.errors import Failure
from charon_servers.files import locked, log_tail, write
from charon_servers.processes import Process
from charon_servers.record import Server, free_ports

RECORD = "cluster.json"
LISTENERS = ("apiserver", "etcd", "etcd-peer", "kwok")
READY_WITHIN = 60.0  # seconds, for the whole start
POLL = 0.02  # seconds between two questions

# The host-path provisioner of the controller manager makes a folder here for each volume.
VOLUMES = pathlib.Path("/tmp/hostpath_pv")


class PortTaken(Failure):
    """Somebody else took a port between our choice and the server's use of it."""


@dataclasses.dataclass(kw_only=True)
class Cluster(Server):
    RECORD = RECORD

    name: str
    audit: bool
    tokens: dict[str, str]

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.ports['apiserver']}"

    @property
    def keys(self) -> pathlib.Path:
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> pathlib.Path:
        return self.folder / "kubeconfig"

    @property
    def powerless_kubeconfig(self) -> pathlib.Path:
        return self.folder / "powerless.kubeconfig"

    def facts(self) -> dict:
        return {
            "name": self.name,
            "version": builds.PROGRAMS["kubernetes"].version,
            "server": self.server,
            "ca_file": str(self.keys / "ca.crt"),
            "kubeconfig": str(self.kubeconfig),
            "powerless_kubeconfig": str(self.powerless_kubeconfig),
            "audit_log": str(self.folder / "audit.jsonl") if self.audit else None,
            "token": self.tokens["admin"],
            "powerless_token": self.tokens["powerless"],
        }

    @staticmethod
    def fields_of(facts: dict) -> dict:
        return {
            "name": facts["name"],
            "audit": bool(facts["audit_log"]),
            "tokens": {"admin": facts["token"], "powerless": facts["powerless_token"]},
        }


# --- The three commands -----------------------------------------------------------------------


def start(folder: pathlib.Path, name: str, audit: bool) -> None:
    """Starts a cluster in `folder`, or again the one whose data is there, and waits for it."""
    programs = builds.built("kubernetes")
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        before = Cluster.load(folder)
        if before and before.runs():
            builds.say(f"already running: {before.server}")
            return
        if before:
            processes.stop(before.processes)
        cluster = prepare(folder, name, audit, before)
        try:
            run(cluster, programs, began + READY_WITHIN)
        except PortTaken:
            cluster.ports = free_ports(LISTENERS)
            run(cluster, programs, began + READY_WITHIN)
        builds.say(
            f"{cluster.server} is ready after {time.monotonic() - began:.1f} s;"
            f" use it with: . {shlex.quote(str(folder / 'env'))}"
        )


def stop(folder: pathlib.Path) -> None:
    """Stops the cluster in `folder`, keeping its data."""
    began = time.monotonic()
    with locked(folder):
        cluster = Cluster.load(folder)
        volumes = volume_folders(cluster)
        processes.stop(cluster.processes)
        left = [p for p in cluster.processes if p.runs()]
        cluster.processes = left
        cluster.save()
        for volume in volumes:
            with contextlib.suppress(OSError):
                volume.rmdir()  # Only what is empty, and simulated pods write nothing.
        if left:
            names = ", ".join(f"{p.name} ({p.pid})" for p in left)
            raise Failure(f"these did not end even when killed: {names}")
    builds.say(f"stopped in {time.monotonic() - began:.1f} s; data and logs stay in {folder}")


def running(folder: pathlib.Path) -> tuple[str, list[Process]]:
    """Where it is reached, and its processes."""
    cluster = Cluster.load(folder)
    return (cluster.server, cluster.processes) if cluster else ("", [])


# --- Preparing the folder ---------------------------------------------------------------------


def prepare(folder: pathlib.Path, name: str, audit: bool, before: Cluster | None) -> Cluster:
    """The files that a start needs; keys, tokens and (if they are free) ports are kept."""
    cluster = Cluster(
        folder=folder,
        name=name,
        audit=audit,
        ports=free_ports(LISTENERS, before.ports if before else {}),
        tokens=before.tokens if before else {u: secrets.token_hex(16) for u in ("admin", "powerless")},
    )
    (folder / "logs").mkdir(exist_ok=True)
    if not cluster.keys.is_dir():
        unfinished = folder / "pki.unfinished"
        pki.create(unfinished)
        unfinished.rename(cluster.keys)
    write(folder / "tokens.csv", manifests.tokens(cluster.tokens))
    write(folder / "audit-policy.yaml", manifests.AUDIT_POLICY)
    cluster.save()
    return cluster


def write_client_files(cluster: Cluster) -> None:
    """What names the server's port: kubeconfig files and the shell's variables."""
    keys = cluster.keys

    def data(name: str) -> str:
        return base64.b64encode((keys / name).read_bytes()).decode()

    def kubeconfig(user: str, credentials: dict[str, str]) -> str:
        return manifests.kubeconfig(cluster.name, cluster.server, data("ca.crt"), user, credentials)

    def certificate(name: str) -> dict[str, str]:
        return {
            "client-certificate-data": data(f"{name}.crt"),
            "client-key-data": data(f"{name}.key"),
        }

    write(cluster.kubeconfig, kubeconfig("admin", certificate("admin")))
    write(cluster.powerless_kubeconfig, kubeconfig("powerless", {"token": cluster.tokens["powerless"]}))
    for name in ("kwok", "controller-manager", "scheduler"):
        write(keys / f"{name}.kubeconfig", kubeconfig(name, certificate(name)))

    variables = {
        "KUBECONFIG": cluster.kubeconfig,
        "KUBECTL": builds.built("kubernetes") / "kubectl",
        "CHARON_TEST_CLUSTER_DIR": cluster.folder,
        "CHARON_TEST_SERVER": cluster.server,
        "CHARON_TEST_CA_FILE": keys / "ca.crt",
        "CHARON_TEST_TOKEN": cluster.tokens["admin"],
        "CHARON_TEST_POWERLESS_TOKEN": cluster.tokens["powerless"],
        "CHARON_TEST_POWERLESS_KUBECONFIG": cluster.powerless_kubeconfig,
    }
    lines = [f"export {name}={shlex.quote(str(value))}\n" for name, value in variables.items()]
    write(cluster.folder / "env", "".join(lines))


# --- Running ----------------------------------------------------------------------------------


def run(cluster: Cluster, programs: pathlib.Path, deadline: float) -> None:
    """Starts all parts and waits until pods can be made. Stops them all if that fails."""

    def spawn(name: str, *flags: str) -> None:
        log = cluster.folder / "logs" / f"{name}.log"
        log.write_bytes(b"")
        command = [str(programs / name), *flags]
        cluster.processes.append(processes.spawn(name, command, cluster.folder, log))
        cluster.save()

    cluster.processes = []
    write_client_files(cluster)
    try:
        spawn("etcd", *etcd_flags(cluster))
        spawn("kube-apiserver", *apiserver_flags(cluster))
        # Until etcd answers, the API server accepts connections and says nothing.
        probe = Api(cluster.ports["apiserver"], cluster.keys, timeout=1)
        wait(
            cluster,
            deadline,
            "the API server to be ready",
            lambda: probe.request("GET", "/readyz")[0] == 200,
        )
        spawn("kube-controller-manager", *controller_manager_flags(cluster))
        spawn("kube-scheduler", *scheduler_flags(cluster))
        spawn("kwok", *kwok_flags(cluster))
        api = Api(cluster.ports["apiserver"], cluster.keys)
        create_basics(api)
        wait(cluster, deadline, "nodes to be ready", lambda: nodes_are_ready(api))
        wait(
            cluster,
            deadline,
            "the service account of namespace default",
            lambda: api.request("GET", "/api/v1/namespaces/default/serviceaccounts/default")[0] == 200,
        )
    except BaseException:
        processes.stop(cluster.processes)
        cluster.processes = []
        cluster.save()
        raise


def wait(cluster: Cluster, deadline: float, what: str, reached: Callable[[], bool]) -> None:
    """Asks until it is so, a process has ended, or time is up."""
    while not reached():
        for process in cluster.processes:
            if not process.runs():
                tail = log_tail(pathlib.Path(process.log))
                kind = PortTaken if "address already in use" in tail else Failure
                raise kind(f"{process.name} has ended; the end of {process.log}:\n{tail}")
        if time.monotonic() > deadline:
            logs = "\n".join(f"--- {p.log}\n{log_tail(pathlib.Path(p.log))}" for p in cluster.processes)
            raise Failure(
                f"waited in vain for {what}, {READY_WITHIN:.0f} s after the start. Is the machine"
                f" overloaded, or the disk full? Then start again. The ends of the logs:\n{logs}"
            )
        time.sleep(POLL)


def create_basics(api: Api) -> None:
    for path, objects in (
        ("/api/v1/nodes", manifests.nodes(builds.PROGRAMS["kubernetes"].version)),
        ("/apis/storage.k8s.io/v1/storageclasses", manifests.STORAGE_CLASSES),
    ):
        for one in objects:
            code, answer = api.request("POST", path, one)
            if code not in (201, 409):  # 409: it is there since an earlier start.
                raise Failure(f"creating {one['metadata']['name']} at {path}: {code} {answer}")


def nodes_are_ready(api: Api) -> bool:
    """Ready, without taints and with addresses to give to pods."""
    nodes = api.items("/api/v1/nodes")
    return len(nodes) >= manifests.NODE_COUNT and all(
        node["spec"].get("podCIDR")
        and not node["spec"].get("taints")
        and {"type": "Ready", "status": "True"}.items()
        <= next((c for c in node["status"].get("conditions", ()) if c["type"] == "Ready"), {}).items()
        for node in nodes
    )


def volume_folders(cluster: Cluster) -> list[pathlib.Path]:
    """The folders that the provisioner made for this cluster's volumes."""
    if not cluster.runs():
        return []
    volumes = Api(cluster.ports["apiserver"], cluster.keys).items("/api/v1/persistentvolumes")
    paths = (pathlib.Path(v["spec"].get("hostPath", {}).get("path", "/")) for v in volumes)
    return [path for path in paths if path.parent == VOLUMES]


# --- Flags ------------------------------------------------------------------------------------


def etcd_flags(cluster: Cluster) -> list[str]:
    client = f"http://127.0.0.1:{cluster.ports['etcd']}"
    peer = f"http://127.0.0.1:{cluster.ports['etcd-peer']}"
    return [
        "--name=charon",
        f"--data-dir={cluster.folder}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=charon={peer}",
        "--unsafe-no-fsync",  # The page cache survives our processes; a crash of the machine may cost data.
        "--log-level=warn",
    ]


def apiserver_flags(cluster: Cluster) -> list[str]:
    keys = cluster.keys
    audit = [
        f"--audit-policy-file={cluster.folder}/audit-policy.yaml",
        f"--audit-log-path={cluster.folder}/audit.jsonl",
    ]
    return [
        "--bind-address=127.0.0.1",
        f"--secure-port={cluster.ports['apiserver']}",
        "--advertise-address=192.0.2.1",  # Loopback is refused here; nobody connects to it.
        f"--etcd-servers=http://127.0.0.1:{cluster.ports['etcd']}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--authorization-mode=Node,RBAC",
        "--allow-privileged=true",
        f"--client-ca-file={keys}/ca.crt",
        f"--tls-cert-file={keys}/server.crt",
        f"--tls-private-key-file={keys}/server.key",
        f"--token-auth-file={cluster.folder}/tokens.csv",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={keys}/service-account.crt",
        f"--service-account-signing-key-file={keys}/service-account.key",
        f"--requestheader-client-ca-file={keys}/ca.crt",
        "--requestheader-allowed-names=front-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={keys}/front-proxy.crt",
        f"--proxy-client-key-file={keys}/front-proxy.key",
        "--profiling=false",
        *(audit if cluster.audit else []),
    ]


def controller_manager_flags(cluster: Cluster) -> list[str]:
    keys = cluster.keys
    return [
        f"--kubeconfig={keys}/controller-manager.kubeconfig",
        "--secure-port=0",
        "--leader-elect=false",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={keys}/service-account.key",
        f"--root-ca-file={keys}/ca.crt",
        f"--cluster-signing-cert-file={keys}/ca.crt",
        f"--cluster-signing-key-file={keys}/ca.key",
        "--allocate-node-cidrs=true",
        "--cluster-cidr=10.244.0.0/16",
        "--node-cidr-mask-size=20",  # 4,094 pods a node; the default of 24 is less than a node takes.
        "--enable-hostpath-provisioner=true",
        "--pvclaimbinder-sync-period=1s",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--profiling=false",
    ]


def scheduler_flags(cluster: Cluster) -> list[str]:
    return [
        f"--kubeconfig={cluster.keys}/scheduler.kubeconfig",
        "--secure-port=0",
        "--leader-elect=false",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        "--profiling=false",
    ]


def kwok_flags(cluster: Cluster) -> list[str]:
    return [
        f"--kubeconfig={cluster.keys}/kwok.kubeconfig",
        f"--config={builds.HERE}/stages.yaml",
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        "--cidr=10.244.0.0/16",
        f"--server-address=127.0.0.1:{cluster.ports['kwok']}",
    ]
