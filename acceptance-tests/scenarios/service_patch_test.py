"""extra_manifest_patch beyond the workload: the objects around it patched, changed, and as they were again."""

import pytest
import yaml

from entries import make_namespace
from harness import hcl

ADDRESS = "charon_service.x"


def service(namespace: str, *documents: dict) -> str:
    attributes = {
        "namespace": namespace, "name": "web", "image": "registry.example.org/web:1", "ports": {"http": 8080, "admin": 9000},
        "expose": {"web": {"host": f"{namespace}.example.org", "auth": "app", "auth_reason": "has users of its own"}},
        "pod": {"termination_grace_period": "1s"},
    }
    if documents:
        attributes["extra_manifest_patch"] = yaml.safe_dump_all(documents)
    return hcl.resource("charon_service", "x", attributes)


def of_service(**spec) -> dict:
    return {"kind": "Service", "metadata": {"annotations": {"example.org/pool": "blue"}}, "spec": {
        "sessionAffinity": "ClientIP", "publishNotReadyAddresses": True,
        "ports": [{"port": 80, "name": "www"}, {"port": 9000, "$patch": "delete"}]} | spec}


def of_ingress(namespace: str) -> dict:
    backend = {"service": {"name": "web", "port": {"name": "www"}}}
    return {"kind": "Ingress", "spec": {"rules": [{"host": f"{namespace}.example.org", "http": {"paths": [
        {"path": "/exactly", "pathType": "Exact", "backend": backend}]}}]}}


def ports(live: dict) -> dict:
    return {port["name"]: (port["port"], port["targetPort"]) for port in live["spec"]["ports"]}


def route(cluster, namespace: str) -> tuple:
    (rule,) = cluster.get("Ingress", namespace, "web")["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    return path["path"], path["pathType"], path["backend"]["service"]["port"]


def expect_writes(stack, front, main: str, *paths: str) -> None:
    """One for each of these objects, and the next plan is empty."""
    front.reset()
    stack.write(main)
    assert stack.apply(checked=False).actions == {ADDRESS: "update"}
    assert [f"{e.method} {e.path}" for e in front.writes()] == [f"PATCH {path}" for path in paths]
    stack.expect_empty()


def test_a_service_and_an_ingress_are_patched(stack, cluster, front, names):
    name = names("patched")
    make_namespace(cluster, name)
    service_path = f"/api/v1/namespaces/{name}/services/web"
    ingress_path = f"/apis/networking.k8s.io/v1/namespaces/{name}/ingresses/web"
    stack.write(service(name, of_service(), of_ingress(name)))
    stack.apply()
    live = cluster.get("Service", name, "web")
    assert live["metadata"]["annotations"]["example.org/pool"] == "blue"
    assert live["spec"]["sessionAffinity"] == "ClientIP" and live["spec"]["publishNotReadyAddresses"] is True
    assert ports(live) == {"www": (80, "http")}
    assert route(cluster, name) == ("/exactly", "Exact", {"name": "www"})
    # A change of one document is one write.
    longer = of_service(sessionAffinityConfig={"clientIP": {"timeoutSeconds": 60}})
    expect_writes(stack, front, service(name, longer, of_ingress(name)), service_path)
    assert cluster.get("Service", name, "web")["spec"]["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 60}}
    # One that goes takes with it what it said; the Ingress goes on leading to the port by its name.
    expect_writes(stack, front, service(name, longer), ingress_path)
    assert route(cluster, name) == ("/", "Prefix", {"name": "www"})
    expect_writes(stack, front, service(name), service_path, ingress_path)
    live = cluster.get("Service", name, "web")
    assert "example.org/pool" not in live["metadata"]["annotations"]
    assert live["spec"]["sessionAffinity"] == "None" and not live["spec"].get("publishNotReadyAddresses")
    assert ports(live) == {"http": (80, "http"), "admin": (9000, "admin")}
    assert route(cluster, name) == ("/", "Prefix", {"name": "http"})
    stack.destroy()


@pytest.mark.one_cli("what the server refuses is the same")
def test_what_the_server_refuses_of_a_patch(stack, cluster, names):
    name = names("refused")
    make_namespace(cluster, name)
    wrong = {"kind": "Service", "spec": {"sessionAffinity": "Sometimes"}}
    stack.write(service(name, {"spec": {"paused": False}}, wrong))
    (error,) = stack.plan(fails=True).errors
    assert "Sometimes" in error.text and error.code.startswith("extra_manifest_patch"), error


@pytest.mark.one_cli("asks no server")
@pytest.mark.sandbox_only("asks no server")
def test_a_patch_of_what_there_is_not(stack, cluster, names):
    name = names("missing")
    make_namespace(cluster, name)
    for patch, pieces in (
            ({"kind": "Ingress", "metadata": {"name": "api"}}, ['the service has no Ingress "api" to patch', "Service/web", "Ingress/web"]),
            ({"kind": "Service", "spec": {"ports": [{"port": 80, "$patch": "delete"}]}}, ['Ingress/web leads to port "http" of Service/web']),
            ({"kind": "Service", "metadata": {"labels": {"app.kubernetes.io/name": "x"}}}, ["is not a patch's to change"])):
        stack.write(service(name, patch))
        (error,) = stack.plan(fails=True).errors
        assert all(piece.lower() in error.text.lower() for piece in pieces), error
        assert error.code.startswith("extra_manifest_patch"), error
