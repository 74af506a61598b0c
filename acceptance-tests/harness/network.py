"""A network of its own for VPN nodes, and real tailscaled in it.

tailscaled listens on all addresses, so it runs in a network namespace. Headscale and Terraform stay outside: the
namespace has a listener with Headscale's own address, which is passed out and relayed. Needs user namespaces, and no
root.
"""

import http.client
import json
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
from typing import Any

from harness.errors import HarnessError

INSIDE = pathlib.Path(__file__).with_name("network_inside.py")
COMMAND = 65536  # bytes of the longest command to the namespace


class Network:
    """A namespace in which `endpoint`, a URL with a loopback address, leads to the server outside."""

    def __init__(self, endpoint: str):
        self._target = (urllib.parse.urlsplit(endpoint).hostname, urllib.parse.urlsplit(endpoint).port)
        self._control, inside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, str(INSIDE), str(inside.fileno()), str(self._target[1])], pass_fds=[inside.fileno()],
            stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        inside.close()
        message, descriptors, _, _ = socket.recv_fds(self._control, COMMAND, 1)
        if not descriptors:
            self._process.wait()
            raise HarnessError(f"no network namespace for VPN nodes: {self._process.stderr.read().decode()}")
        self._listener = socket.socket(fileno=descriptors[0])
        threading.Thread(target=self._relay, daemon=True).start()

    def start(self, command: list[str], log: pathlib.Path) -> int:
        """Starts a process in the namespace; it ends with the namespace at the latest. Returns its id."""
        return self._ask({"start": command, "log": str(log)})

    def end(self, pid: int, number: int = signal.SIGTERM) -> None:
        """Ends a process of `start` and waits for it."""
        self._ask({"end": pid, "signal": int(number)})

    def close(self) -> None:
        self._control.close()  # The namespace's process sees it and ends with all it started.
        self._process.wait(10)
        self._listener.shutdown(socket.SHUT_RDWR)  # Wakes the thread that accepts.
        self._listener.close()

    def _ask(self, command: dict[str, Any]) -> Any:
        with self._lock:
            self._control.send(json.dumps(command).encode())
            return json.loads(self._control.recv(COMMAND))

    def _relay(self) -> None:
        while True:
            try:
                inside, _ = self._listener.accept()
                outside = socket.create_connection(self._target)
            except OSError:
                if self._listener.fileno() < 0:
                    return
                continue
            for one, other in ((inside, outside), (outside, inside)):
                threading.Thread(target=_pump, args=(one, other), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    for one in (source, target):
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


class Tailscale:
    """A tailscaled, and what its user does with it."""

    def __init__(self, network: Network, folder: pathlib.Path, programs: pathlib.Path, login_server: str):
        folder.mkdir(parents=True, exist_ok=True)
        self._network = network
        self._folder = folder
        self._programs = programs
        self._login_server = login_server
        self._socket = folder / "s"
        self._pid = 0
        self._command: subprocess.Popen | None = None

    def start(self) -> None:
        self._pid = self._network.start([
            str(self._programs / "tailscaled"), "--tun=userspace-networking", f"--statedir={self._folder}",
            f"--state={self._folder}/state", f"--socket={self._socket}", "--port=0", "--no-logs-no-support",
        ], self._folder / "tailscaled.log")
        self._wait(lambda: self.status(), "tailscaled to answer")

    def stop(self) -> None:
        """Goes offline. The state stays: `start` is the same machine again."""
        self._end_command()
        if self._pid:
            self._network.end(self._pid)
            self._pid = 0
        self._socket.unlink(missing_ok=True)

    def forget(self) -> None:
        """Loses the state, as a new disk does: `start` is another machine then."""
        for path in self._folder.glob("state*"):
            path.unlink()

    def up(self, key: str, hostname: str, routes: tuple[str, ...] = (), tags: tuple[str, ...] = (),
           exit_node: bool = False) -> None:
        """Registers. The key goes by a file: arguments are for all to see."""
        file = self._folder / "key"
        file.write_text(key)
        file.chmod(0o600)
        # It returns seconds after the registration, when it has looked for relays.
        self._end_command()
        self._command = self._cli(
            "up", f"--login-server={self._login_server}", f"--auth-key=file:{file}", f"--hostname={hostname}",
            "--accept-dns=false", "--reset", "--force-reauth", "--timeout=60s", f"--advertise-routes={','.join(routes)}",
            f"--advertise-tags={','.join(tags)}", f"--advertise-exit-node={'true' if exit_node else 'false'}",
        )

    def set_routes(self, *routes: str) -> None:
        self._run("set", f"--advertise-routes={','.join(routes)}")

    def set_hostname(self, hostname: str) -> None:
        self._run("set", f"--hostname={hostname}")

    def logout(self) -> None:
        self._run("logout")

    def status(self) -> dict[str, Any] | None:
        """What the daemon says of itself; None while it does not answer."""
        connection = _UnixConnection(self._socket)
        try:
            connection.request("GET", "/localapi/v0/status?peers=false", headers={"Host": "local-tailscaled.sock"})
            response = connection.getresponse()
            return json.loads(response.read()) if response.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            connection.close()

    @property
    def is_running(self) -> bool:
        """Whether it is registered and let in."""
        return (self.status() or {}).get("BackendState") == "Running"

    def output(self) -> str:
        """What `up` has said so far, for messages."""
        return (self._folder / "cli.log").read_text(errors="replace") if (self._folder / "cli.log").exists() else ""

    def _cli(self, *arguments: str) -> subprocess.Popen:
        with open(self._folder / "cli.log", "ab") as log:
            return subprocess.Popen(
                [self._programs / "tailscale", f"--socket={self._socket}", *arguments], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log,
            )

    def _run(self, *arguments: str) -> None:
        if self._cli(*arguments).wait(30):
            raise HarnessError(f"tailscale {arguments[0]}: {self.output()[-2000:]}")

    def _end_command(self) -> None:
        if self._command:
            self._command.terminate()
            self._command.wait()
            self._command = None

    def _wait(self, condition, what: str, seconds: float = 20) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                log = (self._folder / "tailscaled.log").read_text(errors="replace")[-2000:]
                raise HarnessError(f"waited in vain for {what}: {log}")
            time.sleep(0.02)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: pathlib.Path):
        super().__init__("local-tailscaled.sock", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
