"""Name servers and their APIs on loopback: moto (Route 53), PowerDNS, BIND.

Each has everything in one folder; `<name>.json` there is the record, written before the server runs, so that `stop` also cleans
up after a start that was killed.
"""

import base64
import dataclasses
import http.client
import json
import pathlib
import secrets
import shutil
import sqlite3
import subprocess
import sys
import time

from charon_servers import builds, processes
from charon_servers.errors import SKIPPED, Failure
from charon_servers.files import locked, log_tail, write
from charon_servers.processes import Process
from charon_servers.record import free_ports

READY_WITHIN = 60.0  # seconds
POLL = 0.02  # seconds between two questions
MOTO = "moto[server]==5.2.*"
KEY_NAME = "charon-test"
PDNS_SCHEMA = pathlib.Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql")
PDNS_CONFIG = """\
launch=gsqlite3
gsqlite3-database={folder}/pdns.sqlite
gsqlite3-pragma-synchronous=0
local-address=127.0.0.1
local-port={dns}
api=yes
api-key={api_key}
webserver=yes
webserver-address=127.0.0.1
webserver-port={http}
webserver-allow-from=127.0.0.0/8
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
socket-dir={folder}
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
daemon=no
guardian=no
setuid=
setgid=
"""
BIND_CONFIG = """\
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
key "rndc" {{ algorithm hmac-sha256; secret "{secret}"; }};
controls {{ inet 127.0.0.1 port {rndc} allow {{ 127.0.0.1; }} keys {{ "rndc"; }}; }};
options {{
  directory "{folder}";
  pid-file "{folder}/named.pid";
  session-keyfile "{folder}/session.key";
  managed-keys-directory "{folder}";
  listen-on port {dns} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  recursion no;
  allow-new-zones yes;
  dnssec-validation no;
  notify no;
}};
"""
RNDC_CONFIG = """\
key "rndc" {{ algorithm hmac-sha256; secret "{secret}"; }};
options {{ default-key "rndc"; default-server 127.0.0.1; default-port {rndc}; }};
"""


class NameServer:
    """One kind of server: how it is set up, and how one sees that it answers."""

    def __init__(self, name: str, listeners: tuple[str, ...]):
        self.name = name
        self.listeners = listeners
        self.RECORD = f"{name}.json"

    def setup(self, folder: pathlib.Path, record: dict) -> list[str]:
        """Writes its files, completes the record and returns the command."""
        raise NotImplementedError

    def answers(self, record: dict) -> bool:
        raise NotImplementedError

    def start(self, folder: pathlib.Path, clock_shift: int = 0) -> None:
        """`clock_shift`: seconds that its clock is ahead."""
        folder.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            record = self.load(folder)
            if record and all(Process(**p).runs() for p in record["processes"]) and record["processes"]:
                builds.say(f"already running: {self.name} in {folder}")
                return
            record = {"name": self.name, "ports": free_ports(self.listeners), "processes": [],
                      "clock": shifted_clock(folder, clock_shift) if clock_shift else []}
            command = [*record["clock"], *self.setup(folder, record)]
            self.save(folder, record)
            log = folder / f"{self.name}.log"
            began = time.monotonic()  # setting it up may have installed it
            started = processes.spawn(self.name, command, folder, log)
            record["processes"] = [dataclasses.asdict(started)]
            self.save(folder, record)
            while not self.answers(record):
                if not started.runs() or time.monotonic() > began + READY_WITHIN:
                    processes.stop([started])
                    raise Failure(f"{self.name} does not answer; the end of {log}:\n{log_tail(log)}")
                time.sleep(POLL)
        builds.say(f"{self.name} is ready after {time.monotonic() - began:.1f} s")

    def load(self, folder: pathlib.Path) -> dict | None:
        try:
            return json.loads((folder / self.RECORD).read_text())
        except FileNotFoundError:
            return None

    def save(self, folder: pathlib.Path, record: dict) -> None:
        write(folder / self.RECORD, json.dumps(record, indent=2) + "\n")

    def stop(self, folder: pathlib.Path) -> None:
        with locked(folder):
            record = self.load(folder)
            if not record:
                return
            processes.stop([Process(**p) for p in record["processes"]])
            record["processes"] = []
            self.save(folder, record)
        builds.say(f"{self.name} is stopped")

    def running(self, folder: pathlib.Path) -> tuple[str, list[Process]]:
        record = self.load(folder) or {"processes": []}
        return record.get("endpoint", self.name), [Process(**p) for p in record["processes"]]


class Moto(NameServer):
    def setup(self, folder, record):
        program = moto_program()
        record |= {"endpoint": f"http://127.0.0.1:{record['ports']['http']}", "access_key": "AKIAIOSFODNN7EXAMPLE",
                   "secret_key": secrets.token_hex(20)}
        return [str(program), "-H", "127.0.0.1", "-p", str(record["ports"]["http"])]

    def answers(self, record):
        return http_status(record["ports"]["http"], "/moto-api/") == 200


class PowerDns(NameServer):
    def setup(self, folder, record):
        record |= {"endpoint": f"http://127.0.0.1:{record['ports']['http']}", "api_key": secrets.token_hex(16),
                   "server": f"127.0.0.1:{record['ports']['dns']}", **new_key()}
        program = installed("pdns_server", "pdns-server pdns-backend-sqlite3")
        database = folder / "pdns.sqlite"
        for former in folder.glob("pdns.sqlite*"):
            former.unlink()
        with sqlite3.connect(database) as connection:
            connection.execute("pragma journal_mode=wal")  # Writers wait for each other then, and do not find it locked.
            connection.executescript(PDNS_SCHEMA.read_text())
            connection.execute("insert into tsigkeys (name, algorithm, secret) values (?, 'hmac-sha256', ?)",
                               (record["tsig_name"], record["tsig_secret"]))
        write(folder / "pdns.conf", PDNS_CONFIG.format(folder=folder, api_key=record["api_key"], **record["ports"]))
        return [program, f"--config-dir={folder}"]

    def answers(self, record):
        return http_status(record["ports"]["http"], "/api/v1/servers", {"X-API-Key": record["api_key"]}) == 200


class Bind(NameServer):
    def setup(self, folder, record):
        record |= {"server": f"127.0.0.1:{record['ports']['dns']}", **new_key()}
        program = installed("named", "bind9")
        installed("rndc", "bind9-utils")
        names = {"folder": folder, "key": record["tsig_name"], "secret": record["tsig_secret"], **record["ports"]}
        write(folder / "named.conf", BIND_CONFIG.format(**names))
        write(folder / "rndc.conf", RNDC_CONFIG.format(**names))
        record["rndc"] = [*record["clock"], "rndc", "-c", str(folder / "rndc.conf")]
        return [program, "-f", "-4", "-c", str(folder / "named.conf")]

    def answers(self, record):
        return subprocess.run([*record["rndc"], "status"], capture_output=True).returncode == 0


def shifted_clock(folder: pathlib.Path, seconds: int) -> list[str]:
    """What a command begins with to see another time."""
    library = folder / "clock.so"
    made = subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, builds.HERE / "clock/clock.c"], capture_output=True, text=True)
    if made.returncode:
        raise Failure(f"the library that shifts the clock cannot be compiled: {made.stderr}")
    return ["env", f"LD_PRELOAD={library}", f"CLOCK_SHIFT={seconds}"]


def installed(program: str, packages: str) -> str:
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    if not found:
        raise Failure(f"there is no {program} here; install {packages}", SKIPPED)
    return found


def new_key() -> dict[str, str]:
    return {"tsig_name": KEY_NAME, "tsig_secret": base64.b64encode(secrets.token_bytes(32)).decode(), "tsig_algorithm": "hmac-sha256"}


def moto_program() -> pathlib.Path:
    """moto in a virtual environment of its own in the cache, made on first use."""
    folder = builds.cache() / "moto-5.2"
    program = folder / "bin" / "moto_server"
    with builds.locked(builds.cache() / "moto.lock", "another process installs moto, waiting for it"):
        if program.exists() and (folder / "complete").exists():
            return program
        shutil.rmtree(folder, ignore_errors=True)
        builds.say("installing moto")
        for command in ([sys.executable, "-m", "venv", str(folder)],
                        [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", MOTO]):
            made = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if made.returncode != 0:
                shutil.rmtree(folder, ignore_errors=True)
                raise Failure(f"moto cannot be installed: {(made.stdout + made.stderr).strip()[-500:]}", SKIPPED)
        (folder / "complete").touch()
    return program


def http_status(port: int, path: str, headers: dict[str, str] | None = None) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", path, headers=headers or {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


SERVERS = {server.name: server for server in (Moto("moto", ("http",)), PowerDns("powerdns", ("http", "dns")), Bind("bind", ("dns", "rndc")))}
