"""The sandbox against a real API server: the same requests, the same answers.

Set CHARON_REAL_KUBECONFIG to the kubeconfig of a real server (acceptance-tests/servers starts one)
and CHARON_SANDBOX to the charon-sandbox binary. Without them the tests are skipped.

By hand: CHARON_REAL_KUBECONFIG=... CHARON_SANDBOX=... python3 test_against_real.py [case ...]
prints every difference.
"""

import os
import random
import subprocess
import sys
import tempfile
import time

import pytest

import comparison
import comparison_refused  # noqa: F401  (adds its cases)
from comparison_cases import CASES

REAL = os.environ.get("CHARON_REAL_KUBECONFIG")
SANDBOX = os.environ.get("CHARON_SANDBOX")


class Sandbox:
    """A charon-sandbox process in a temporary folder."""

    def __init__(self, binary):
        self.dir = tempfile.TemporaryDirectory(prefix="charon-sandbox-")
        self.process = subprocess.Popen([binary, "--dir", self.dir.name], stdout=subprocess.PIPE,
                                        text=True)
        line = self.process.stdout.readline()
        assert "listening" in line, line
        self.kubeconfig = os.path.join(self.dir.name, "kubeconfig")

    def stop(self):
        self.process.terminate()
        assert self.process.wait(timeout=10) == 0
        self.dir.cleanup()


def wait_until(condition, seconds=15):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def make_namespace(server, name, labels):
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    code, answer, _ = server.send("POST", "/api/v1/namespaces", body)
    assert code == 201, answer
    assert wait_until(lambda: server.send(
        "GET", f"/api/v1/namespaces/{name}/serviceaccounts/default")[0] == 200)


def run_case(case, real, sandbox):
    """The differences between the two servers' answers, step by step."""
    ns = f"cmp-{random.randrange(16 ** 6):06x}"
    found = []
    for server in (real, sandbox):
        make_namespace(server, ns, case.get("labels", {}))
    history = {id(real): [], id(sandbox): []}
    try:
        for number, step in enumerate(case["steps"]):
            answers = []
            for server in (real, sandbox):
                answer = step.run(server, ns, history[id(server)])
                history[id(server)].append(answer)
                answers.append(comparison.normalised(answer, step.keep_status))
            if step.ignore:
                continue
            lines = comparison.differences(answers[0], answers[1])
            found += [f"step {number} {step.describe(ns)} {line}" for line in lines
                      if not any(part in line
                                 for part in (*step.except_for, *case.get("except_for", ())))]
    finally:
        for server in (real, sandbox):
            for method, path in case.get("cleanup", []):
                server.send(method, path.format(ns=ns))
            server.send("DELETE", f"/api/v1/namespaces/{ns}")
    return found


@pytest.fixture(scope="module", name="servers")
def both_servers():
    if not REAL or not SANDBOX:
        pytest.skip("CHARON_REAL_KUBECONFIG and CHARON_SANDBOX are not set")
    process = Sandbox(SANDBOX)
    yield comparison.Server(REAL), comparison.Server(process.kubeconfig)
    process.stop()


@pytest.mark.parametrize("name", sorted(CASES))
def test_same_answers(servers, name):
    found = run_case(CASES[name], *servers)
    assert not found, "\n".join(found)


def main(names):
    process = Sandbox(SANDBOX)
    real, sandbox = comparison.Server(REAL), comparison.Server(process.kubeconfig)
    failed = 0
    for name in names or sorted(CASES):
        found = run_case(CASES[name], real, sandbox)
        failed += bool(found)
        print(f"{'DIFFERS' if found else 'same'}: {name}")
        for line in found:
            print("  " + line.replace("\n", "\n  "))
    process.stop()
    print(f"{failed} differ")


if __name__ == "__main__":
    main(sys.argv[1:])
