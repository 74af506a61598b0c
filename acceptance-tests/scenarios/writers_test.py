"""Helm and hashicorp/kubernetes themselves made what we take over: no pod is restarted, and what then goes from the configuration goes
from the objects. ownership_test.py and service_migration_test.py have many more cases, whose objects are made as these programs
make them; here is where one sees that they do. `./test --all` builds the programs."""

import json

import pytest

from conftest import others_program
from harness import hcl
from harness.cli import FORBIDDEN
from harness.kubernetes import managers
from service_migration_test import OWNER, Before, service, workload

pytestmark = [
    pytest.mark.real_only("what the sandbox makes of their requests says nothing about a server"),
    pytest.mark.one_cli("about the provider and the server"),
]

STYLES = ("app", "run")  # keys of the selectors
IMAGE = "docker.io/library/app:1"


def ours(places: dict[str, str], env: dict[str, str]) -> str:
    """The services in the namespaces of these names, by the keys of their selectors."""
    return "".join(hcl.resource("charon_service", label, {
        "namespace": name, "name": name, "image": IMAGE, "replicas": 2, "ports": {"http": 8080}, "env": env,
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}}, "volumes": {"scratch": {"mount": "/scratch", "empty_dir": {}}},
        "selector": {label: name}, "pod": {"container_name": "main" if label == "run" else name},
    }) for label, name in places.items())


class Made:
    """What one of the programs made in these namespaces: a Deployment and a Service each, of the namespace's name."""

    def __init__(self, cluster, places: dict[str, str], manager: str):
        self._cluster, self._places = cluster, places
        self._before = {name: Before(cluster, "Deployment", name) for name in places.values()}
        self._services = {name: self._service(name) for name in places.values()}
        for object_ in (*(before.live for before in self._before.values()), *self._services.values()):
            assert (manager, "Update") in managers(object_), "the programs that are imitated elsewhere write so"

    def _service(self, name: str) -> dict:
        return self._cluster.get("Service", name, name)

    def is_ours_and_untouched(self) -> None:
        for name, before in self._before.items():
            live, service = before.still_stands(), self._service(name)
            assert service["metadata"]["uid"] == self._services[name]["metadata"]["uid"]
            assert service["spec"] == self._services[name]["spec"]
            for object_ in (live, service):
                assert {manager for manager, _ in managers(object_)} <= {"charon", "kube-controller-manager"}

    def lost_what_we_dropped(self) -> None:
        """A variable, and with it what the program had noted in annotations."""
        for name in self._places.values():
            live = self._cluster.get("apps/v1/Deployment", name, name)
            assert [e["name"] for e in live["spec"]["template"]["spec"]["containers"][0]["env"]] == ["A"]
            assert set(live["metadata"]["annotations"]) == {OWNER, "deployment.kubernetes.io/revision"}


# --- hashicorp/kubernetes -----------------------------------------------------------------------------

THEIRS = """
locals {
  places = PLACES
}

resource "kubernetes_namespace_v1" "x" {
  for_each = local.places
  metadata {
    name   = each.value
    labels = { team = "home", floor = "2" }
  }
}

resource "kubernetes_deployment_v1" "x" {
  for_each = kubernetes_namespace_v1.x
  metadata {
    name      = each.value.metadata[0].name
    namespace = each.value.metadata[0].name
  }
  spec {
    replicas = 2
    selector {
      match_labels = { (each.key) = each.value.metadata[0].name }
    }
    template {
      metadata {
        labels = { (each.key) = each.value.metadata[0].name }
      }
      spec {
        container {
          name  = each.key == "run" ? "main" : each.value.metadata[0].name
          image = "IMAGE"
          port {
            name           = "http"
            container_port = 8080
          }
          env {
            name  = "B"
            value = "2"
          }
          env {
            name  = "A"
            value = "1"
          }
          resources {
            requests = { cpu = "10m", memory = "32Mi" }
          }
          volume_mount {
            name       = "scratch"
            mount_path = "/scratch"
          }
        }
        volume {
          name = "scratch"
          empty_dir {}
        }
      }
    }
  }
}

resource "kubernetes_service_v1" "x" {
  for_each = kubernetes_namespace_v1.x
  metadata {
    name      = each.value.metadata[0].name
    namespace = each.value.metadata[0].name
  }
  spec {
    selector = { (each.key) = each.value.metadata[0].name }
    port {
      name        = "http"
      port        = 80
      target_port = "http"
    }
  }
}
"""
# A charon_service has its Service: that leaves the state and stays in the cluster.
LEAVING = """
removed {
  from = kubernetes_service_v1.x
  lifecycle {
    destroy = false
  }
}
"""


def moved(kind: str, label: str, to: str) -> str:
    return hcl.block("moved", {"from": hcl.Expression(f'{kind}.x["{label}"]'), "to": hcl.Expression(to)})


def namespaces(places: dict[str, str], labels: dict[str, str]) -> str:
    return "".join(hcl.resource("charon_tier_namespace", label, {"name": name, "labels": labels}) for label, name in places.items())


def test_moved_with_the_state_that_hashicorp_kubernetes_wrote(new_stack, cluster, names):
    stack = new_stack("stack", others={
        "hashicorp/kubernetes": others_program("hashicorp-kubernetes", "terraform-provider-kubernetes")})
    places = {label: names(label) for label in STYLES}
    stack.write(THEIRS.replace("PLACES", hcl.value(places)).replace("IMAGE", IMAGE))
    stack.allowed = set(FORBIDDEN)  # what core has to say of it is none of ours
    stack.apply(checked=False)
    stack.allowed = set()
    made = Made(cluster, places, "HashiCorp")

    moves = "".join(moved("kubernetes_namespace_v1", label, f"charon_tier_namespace.{label}")
                    + moved("kubernetes_deployment_v1", label, f"charon_service.{label}") for label in places)
    labels = {"team": "home", "floor": "2"}
    stack.write(namespaces(places, labels) + ours(places, {"A": "1", "B": "2"}) + moves + LEAVING)
    plan = stack.apply()
    assert {f"charon_service.{label}": "update" for label in places}.items() <= plan.actions.items(), stack.show(plan)
    assert not {"create", "delete", "replace"} & set(plan.actions.values()), stack.show(plan)
    assert not [address for address in stack.state().resources if address.startswith("kubernetes_")]
    made.is_ours_and_untouched()

    stack.write(namespaces(places, {"team": "home"}) + ours(places, {"A": "1"}))
    assert set(stack.apply().actions.values()) == {"update"}
    made.lost_what_we_dropped()
    for name in places.values():
        live = cluster.get("Namespace", None, name)["metadata"]["labels"]
        assert live["team"] == "home" and "floor" not in live
    stack.destroy()


# --- Helm -----------------------------------------------------------------------------------------------


def chart(folder, label: str) -> str:
    """A chart with a Deployment and a Service, named as the namespace that it is installed into."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: web\nversion: 1.2.3\n")
    for object_ in (workload("Deployment", "PLACE", label), service("PLACE", label)):
        text = json.dumps(object_).replace("PLACE", "{{ .Release.Namespace }}")
        (folder / "templates" / f"{object_['kind']}.yaml").write_text(text)
    return str(folder)


def test_a_release_of_helm_is_imported(stack, cluster, helm, kubectl, names, folder):
    places = {label: names(label) for label in STYLES}
    for label, name in places.items():
        helm("install", "web", chart(folder / label, label), "--namespace", name, "--create-namespace")
    made = Made(cluster, places, "helm")

    imports = "".join(hcl.block("import", {"to": hcl.Expression(f"charon_service.{label}"), "id": f"{name}/{name}"})
                      for label, name in places.items())
    stack.write(ours(places, {"A": "1", "B": "2"}) + imports)
    plan = stack.apply()
    assert plan.importing == {f"charon_service.{label}" for label in places}, stack.show(plan)
    made.is_ours_and_untouched()

    # What Helm remembers of the release goes without what was in it.
    for name in places.values():
        assert json.loads(helm("list", "--namespace", name, "--output", "json"))[0]["name"] == "web"
        kubectl("delete", "secret", "--namespace", name, "--selector", "owner=helm,name=web")
        assert json.loads(helm("list", "--namespace", name, "--output", "json")) == []
    stack.expect_empty()
    made.is_ours_and_untouched()

    stack.write(ours(places, {"A": "1"}))
    assert stack.apply().actions == {f"charon_service.{label}": "update" for label in places}
    made.lost_what_we_dropped()
    stack.destroy()
    for name in places.values():
        cluster.api.delete("Namespace", None, name)
