"""A Headscale on loopback: started, looked at and stopped.

Everything it has is in one folder; `headscale.json` there is its record.
"""

import dataclasses
import http.client
import pathlib
import re
import subprocess
import time

from charon_servers import builds, processes
from charon_servers.errors import Failure
from charon_servers.files import locked, log_tail, write
from charon_servers.processes import Process
from charon_servers.record import Server, free_ports

RECORD = "headscale.json"
LISTENERS = ("http", "metrics", "grpc")
VERSIONS = ("0.23", "0.26", "0.29")
READY_WITHIN = 30.0  # seconds
POLL = 0.02  # seconds between two questions
BASE_DOMAIN = "tailnet.example.org"

# What the versions need; unknown keys are ignored, but some removed ones make a server refuse to start.
CONFIG = """\
server_url: http://127.0.0.1:{http}
listen_addr: 127.0.0.1:{http}
metrics_listen_addr: 127.0.0.1:{metrics}
grpc_listen_addr: 127.0.0.1:{grpc}
grpc_allow_insecure: true
noise:
  private_key_path: {folder}/noise_private.key
prefixes:
  v4: 100.64.0.0/10
  v6: fd7a:115c:a1e0::/48
  allocation: sequential
derp:
  server:
    enabled: false
  urls: []
  paths:
    - {folder}/derp.yaml
  auto_update_enabled: false
disable_check_updates: true
{ephemeral}
database:
  type: sqlite
  sqlite:
    path: {folder}/db.sqlite
    write_ahead_log: true
log:
  level: info
  format: text
policy:
  mode: {policy_mode}
  path: {policy_path}
dns:
  magic_dns: true
  base_domain: {base_domain}
  override_local_dns: false
  nameservers:
    global: []
unix_socket: {socket}
unix_socket_permission: "0700"
logtail:
  enabled: false
"""

# Clients want a relay to be named. Nothing listens there, and nobody needs it on one machine.
DERP = """\
regions:
  900:
    regionid: 900
    regioncode: none
    regionname: None
    nodes:
      - name: 900a
        regionid: 900
        hostname: 127.0.0.1
        ipv4: 127.0.0.1
        stunport: -1
        derpport: 1
"""


@dataclasses.dataclass(kw_only=True)
class Headscale(Server):
    RECORD = RECORD

    version: str  # 0.29
    policy_file: str | None = None  # In file mode: where the policy is.
    api_key: str = ""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def config(self) -> pathlib.Path:
        return self.folder / "config.yaml"

    @property
    def socket(self) -> pathlib.Path:
        return self.folder / "headscale.sock"

    def facts(self) -> dict:
        return {
            "endpoint": self.endpoint,
            "api_key": self.api_key,
            "version": builds.PROGRAMS[f"headscale-{self.version}"].version,
            "dialect": self.version,
            "config": str(self.config),
            "unix_socket": str(self.socket),
            "policy_file": self.policy_file,
            "base_domain": BASE_DOMAIN,
        }

    @staticmethod
    def fields_of(facts: dict) -> dict:
        return {"version": facts["dialect"], "policy_file": facts["policy_file"], "api_key": facts["api_key"]}


def start(folder: pathlib.Path, version: str, policy_file: str | None = None) -> None:
    """Starts a Headscale in `folder`, or again the one whose data is there, and waits for it."""
    if len(str(folder / "headscale.sock")) > 100:
        raise Failure(f"the folder's name is too long for a socket in it: {folder}; choose a shorter one")
    program = builds.built(f"headscale-{version}") / "headscale"
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        before = Headscale.load(folder)
        if before and before.version != version:
            raise Failure(f"{folder} has the data of Headscale {before.version}; choose another folder")
        if before and before.runs():
            builds.say(f"already running: {before.endpoint}")
            return
        if before:
            processes.stop(before.processes)
        server = Headscale(
            folder=folder,
            version=version,
            ports=free_ports(LISTENERS, before.ports if before else {}),
            policy_file=policy_file,
            api_key=before.api_key if before else "",
        )
        run(server, program, began + READY_WITHIN)
        builds.say(f"Headscale {version}: {server.endpoint} is ready after {time.monotonic() - began:.1f} s")


def run(server: Headscale, program: pathlib.Path, deadline: float) -> None:
    # The key of the ephemeral nodes' timeout has another name from 0.29 on.
    ephemeral = (
        "node:\n  ephemeral:\n    inactivity_timeout: 30m"
        if server.version == "0.29"
        else "ephemeral_node_inactivity_timeout: 30m"
    )
    write(server.folder / "derp.yaml", DERP)
    write(server.config, CONFIG.format(
        **server.ports, folder=server.folder, socket=server.socket, base_domain=BASE_DOMAIN, ephemeral=ephemeral,
        policy_mode="file" if server.policy_file else "database", policy_path=server.policy_file or '""',
    ))
    log = server.folder / "headscale.log"
    log.write_bytes(b"")
    server.save()
    try:
        command = [str(program), "--config", str(server.config), "serve"]
        server.processes = [processes.spawn("headscale", command, server.folder, log)]
        server.save()
        while not healthy(server.ports["http"]):
            if not server.runs():
                raise Failure(f"headscale has ended; the end of {log}:\n{log_tail(log)}")
            if time.monotonic() > deadline:
                raise Failure(f"headscale does not answer; the end of {log}:\n{log_tail(log)}")
            time.sleep(POLL)
        if not server.api_key:
            server.api_key = mint(program, server)
        server.save()
    except BaseException:
        processes.stop(server.processes)
        server.processes = []
        server.save()
        raise


def mint(program: pathlib.Path, server: Headscale) -> str:
    """A key for the API. The command reaches the server by its socket, which it makes after it listens."""
    command = [str(program), "--config", str(server.config), "apikeys", "create", "--expiration", "90d"]
    for attempt in range(20):
        made = subprocess.run(command, cwd=server.folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
        lines = made.stdout.split()
        if made.returncode == 0 and lines and re.fullmatch(r"[\w.-]{20,}", lines[-1]):
            return lines[-1]
        time.sleep(0.1)
    raise Failure(f"headscale apikeys create: {made.stdout}{made.stderr}")


def healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def stop(folder: pathlib.Path) -> None:
    began = time.monotonic()
    with locked(folder):
        server = Headscale.load(folder)
        if not server:
            return
        processes.stop(server.processes)
        server.processes = [p for p in server.processes if p.runs()]
        server.save()
        if server.processes:
            raise Failure(f"headscale ({server.processes[0].pid}) did not end even when killed")
    builds.say(f"stopped in {time.monotonic() - began:.1f} s; data and logs stay in {folder}")


def running(folder: pathlib.Path) -> tuple[str, list[Process]]:
    server = Headscale.load(folder)
    return (server.endpoint, server.processes) if server else ("", [])
