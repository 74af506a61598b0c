"""The provider at both servers: in one stack's life it asks the same of them, and leaves the same objects there."""

import contextlib
import json
import secrets

import pytest

import comparison
from harness import cli, hcl
from harness.clusters import RealCluster
from harness.stack import Stack

# What the stack makes besides the PriorityClass, by resource.
KINDS = [("ResourceQuota", "tier-quota"), ("LimitRange", "tier-defaults"), ("NetworkPolicy", "default-deny"), ("ConfigMap", "map"),
         ("Deployment", "web"), ("Service", "web"), ("ConfigMap", "web-files"), ("PersistentVolumeClaim", "web-data"), ("Ingress", "web")]


def configuration(name: str, value: str) -> str:
    return "".join((
        hcl.block('provider "charon"', {"conventions": {"owner": name}}),
        hcl.resource("charon_tier", "x", {"name": name, "priority": 1000, "resource_quota": {"pods": "20"},
                                          "limit_range": {"default": {"memory": "64Mi"}}}),
        hcl.resource("charon_tier_namespace", "x", {
            "name": name, "tier": hcl.Expression("charon_tier.x.name"), "default_deny": True, "delete_contents": True}),
        hcl.resource("charon_kubernetes_manifest", "x", {"manifest": json.dumps({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "map", "namespace": name}, "data": {"a": value}}),
            "depends_on": [hcl.Expression("charon_service.x")]}),  # of two ConfigMaps at once either may come first
        hcl.resource("charon_service", "x", {
            "name": "web", "namespace": hcl.Expression("charon_tier_namespace.x.name"), "image": "registry.example/web:1",
            "ports": {"http": 8080}, "env": {"A": value}, "files": {"/etc/web/a": {"content": value}}, "wait": "none",
            "claims": {"data": {"mount": "/data", "size": "1Gi"}}, "delete_data": True,
            "expose": {"web": {"host": "web.example.org", "auth": "app", "auth_reason": "has users of its own"}}}),
    ))


def asked(cluster, since):
    """Each write, in no order, since Terraform goes several ways at once; and what was read, however often. Whether there was
    anything to wait for (a list and a watch of one object) is a matter of who was faster."""
    requests = cluster.requests(since)
    writes = sorted((r.method, r.path, "dryRun" in r.query, r.code) for r in requests if r.method != "GET")
    return {"writes": writes, "reads": sorted({r.path for r in requests if r.method == "GET" and "fieldSelector" not in r.query})}


def left(cluster, name):
    found = {"PriorityClass": cluster.get("PriorityClass", None, f"tier-{name}")}
    for kind, object_ in KINDS:
        found[f"{kind}/{object_}"] = cluster.get(kind, name, object_)
    return {key: comparison.normalise(value) for key, value in found.items()}


@pytest.fixture
def stacks(both, tmp_path):
    program = cli.find("terraform") or cli.find("tofu")
    clusters = {"real": RealCluster(tmp_path / "real", both.real_record), "sandbox": both.sandbox_cluster}
    made = {kind: (Stack(tmp_path / f"stack-{kind}", program, kubeconfig=cluster.kubeconfig), cluster)
            for kind, cluster in clusters.items()}
    yield made
    for stack, _ in made.values():
        stack.close()
    clusters["real"].close()


def test_the_provider_asks_both_the_same_and_leaves_the_same(stacks):
    name = f"life-{secrets.token_hex(4)}"
    steps = {
        "create": lambda stack: stack.apply(checked=False),
        "plan": lambda stack: stack.plan(),
        "change": lambda stack: stack.apply(checked=False),
        "destroy": lambda stack: stack.destroy(),
    }
    for step, run in steps.items():
        requests = {}
        for kind, (stack, cluster) in stacks.items():
            stack.write(configuration(name, "1" if step in ("create", "plan") else "2"))
            since = cluster.mark()
            run(stack)
            requests[kind] = asked(cluster, since)
        assert requests["real"] == requests["sandbox"], step
        assert bool(requests["real"]["writes"]) == (step != "plan")
        if step != "change":
            continue

        def differences():
            return comparison.differences(*((200, left(cluster, name)) for _, cluster in stacks.values()))

        # Controllers write their part in their own time.
        _, (_, sandbox) = stacks.values()
        with contextlib.suppress(AssertionError):
            sandbox.api.eventually(lambda: not differences(), "the same objects", 15)
        assert differences() == []
