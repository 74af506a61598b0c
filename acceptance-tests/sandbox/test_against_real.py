"""The sandbox against a real API server: the same requests, the same answers, the same objects.

    /usr/bin/python3 -m pytest acceptance-tests/sandbox
    /usr/bin/python3 acceptance-tests/sandbox/test_against_real.py [case ...]    prints every difference

The real server is started for the run from what acceptance-tests/servers has built; CHARON_REAL_DIR
names a cluster that runs already. The sandbox is build/sandbox/charon-sandbox, or CHARON_SANDBOX.
"""

import pathlib
import random
import sys
import tempfile
import time

import pytest

HERE = pathlib.Path(__file__).parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))

import comparison
import comparison_refused  # noqa: F401  (adds its cases)
import comparison_settled  # noqa: F401
from comparison_cases import CASES, PLURALS
from harness.clusters import RealServer


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
    # What controllers put into each namespace comes in its own time, and a watch would show it among the steps.
    for made in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
        assert wait_until(lambda: server.send("GET", f"/api/v1/namespaces/{name}/{made}")[0] == 200), made


def final_objects(case, server, ns):
    """What a case leaves behind: the namespace's objects, and what it has to clean up beyond them."""
    objects = {}
    for kind, path in PLURALS.items():
        if "{ns}" not in path or kind == "Pod":  # Controllers name pods at random.
            continue
        code, answer, _ = server.send("GET", path.format(ns=ns))
        assert code == 200, answer
        for item in answer["items"]:
            objects[f"{kind}/{item['metadata']['name']}"] = comparison.normalised((code, item, {}))
    for _, path in case.get("cleanup", []):
        objects[path] = comparison.normalised(server.send("GET", path.format(ns=ns)))
    return objects


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
        found += [f"at the end {line}" for line in comparison.differences(
            *(final_objects(case, server, ns) for server in (real, sandbox)), "objects")]
    finally:
        for server in (real, sandbox):
            for method, path in case.get("cleanup", []):
                server.send(method, path.format(ns=ns))
            server.send("DELETE", f"/api/v1/namespaces/{ns}")
    return found


@pytest.mark.parametrize("name", sorted(CASES))
def test_same_answers(both, name):
    found = run_case(CASES[name], both.real, both.sandbox)
    assert not found, "\n".join(found)


def main(names):
    with tempfile.TemporaryDirectory(prefix="charon-comparison-") as name:
        folder = pathlib.Path(name)
        server = RealServer(folder / "real")
        try:
            both = comparison.Both(server, folder / "sandbox")
            differ = [name for name in names or sorted(CASES) if differs(name, both)]
            both.stop()
        finally:
            server.stop()
    print(f"{len(differ)} differ")
    return 1 if differ else 0


def differs(name, both):
    found = run_case(CASES[name], both.real, both.sandbox)
    print(f"{'DIFFERS' if found else 'same'}: {name}")
    for line in found:
        print("  " + line.replace("\n", "\n  "))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
