"""The process that has a network namespace of its own: see network.py.

It hands out a listener, then starts and ends processes as it is told, until the other end is closed.
"""

import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
COMMAND = 65536



def enter_namespace() -> None:
    """Root in a user namespace of its own, with a network that looks like one that is up."""
    user, group = os.getuid(), os.getgid()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare: user namespaces are needed")
    pathlib.Path("/proc/self/setgroups").write_text("deny")
    pathlib.Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    pathlib.Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    for command in (
        "link set lo up",
        "link add veth0 type veth peer name veth1",
        "addr add 192.0.2.1/24 dev veth0",
        "link set veth0 up",
        "link set veth1 up",
        "route add default via 192.0.2.2 dev veth0",
    ):
        subprocess.run(["ip", *command.split()], check=True)


def serve(control: socket.socket, port: int) -> None:
    enter_namespace()
    with socket.create_server(("127.0.0.1", port), backlog=64) as listener:
        socket.send_fds(control, [b"ready"], [listener.fileno()])
    libc = ctypes.CDLL(None)
    children: dict[int, subprocess.Popen] = {}
    while message := control.recv(COMMAND):
        command = json.loads(message)
        answer = None
        if "start" in command:
            with open(command["log"], "ab") as log:
                child = subprocess.Popen(
                    command["start"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
                )
            children[child.pid] = child
            answer = child.pid
        elif child := children.pop(command["end"], None):
            child.send_signal(command["signal"])
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        control.send(json.dumps(answer).encode())
    for child in children.values():
        child.kill()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The test ends it.
    serve(socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2]))
