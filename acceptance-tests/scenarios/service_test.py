"""charon_service: field study A1, co-owners that never show, failed waits, parking, exposure, kept data, restarts."""

import base64
import json
import time

import pytest

from entries import make_crd, make_secret, make_storage_class
from harness import hcl, leaks
from harness.hcl import Expression
from harness.kubernetes import managers
from harness.mutation import mutating
from tier_matrix_test import expected_limits, expected_quota, limits_of, quota_of

pytestmark = pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it")

ADDRESS = "charon_service.x"
IMAGE = "registry.example.org/web:1"
BOOKKEEPING = {("metadata", "generation"), ("metadata", "resourceVersion"), ("metadata", "managedFields")}


QUICK = {"termination_grace_period": "1s"}


def service(namespace, **more):
    return {"namespace": namespace, "name": "web", "image": IMAGE, "env": {"MODE": "a"}, "pod": QUICK} | more


def text(attributes, name="x"):
    return hcl.resource("charon_service", name, attributes)


def workload(cluster, namespace, name="web"):
    return cluster.get("Deployment", namespace, name)


def pods(cluster, namespace, labels="app=web"):
    return [pod for pod in cluster.api.list("Pod", namespace, labels) if "deletionTimestamp" not in pod["metadata"]]


def container(object_, name="web"):
    return next(c for c in object_["spec"]["template"]["spec"]["containers"] if c["name"] == name)


def leaves(value, path=()):
    """Every value that is no map or list, by its path; items with a name go by it."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            named = isinstance(inner, dict) and "name" in inner
            yield from leaves(inner, (*path, inner["name"] if named else index))
    else:
        yield path, json.dumps(value)


def touched(before, after):
    """Paths of what differs, without what the server counts."""
    def told(object_):
        return {
            path: value for path, value in leaves({k: v for k, v in object_.items() if k != "status"})
            if path[:2] not in BOOKKEEPING and path[-1] != "deployment.kubernetes.io/revision"
        }
    old, new = told(before), told(after)
    return {path for path in old.keys() | new.keys() if old.get(path) != new.get(path)}


ENV = ("spec", "template", "spec", "containers", "web", "env", "MODE", "value")
MEMORY = ("spec", "template", "spec", "containers", "web", "resources", "requests", "memory")


def expect_only_change(stack, cluster, front, attributes, change, path, warnings=()):
    """One attribute changes: one write, which changes one field and owns what was owned before."""
    namespace = attributes["namespace"]
    before = workload(cluster, namespace)
    front.reset()
    stack.write(text(attributes | change))
    plan = stack.apply(checked=False)
    assert plan.actions == {ADDRESS: "update"} and plan.warnings == []
    assert [w.summary for w in plan.applied.warnings] == list(warnings)
    writes = [f"{e.method} {e.path}" for e in front.writes()]
    assert writes == [f"PATCH /apis/apps/v1/namespaces/{namespace}/deployments/web"]
    # OpenTofu does not tell the plan that it repeats before an apply from the first one.
    plans = 2 if stack.cli.name == "tofu" else 1
    assert len([e for e in front.log() if e.is_dry_run]) <= plans
    after = workload(cluster, namespace)
    assert touched(before, after) == {path}
    assert managers(after)[("charon", "Apply")] == managers(before)[("charon", "Apply")]
    stack.expect_empty()


# --- A1: a plain application in a tier -----------------------------------------------------------

CONVENTIONS = """
provider "charon" {
  conventions = {
    owner  = "%s"
    domain = "example.org"
    ingress = {
      controller    = "traefik"
      ingress_class = "traefik"
      entrypoints   = "websecure"
      tls_secret    = "wildcard-tls"
      middlewares = {
        retry       = "traefik-retry@kubernetescrd"
        error-pages = "traefik-error-pages@kubernetescrd"
        rate-limit  = "traefik-rate-limit@kubernetescrd"
        csp         = "traefik-csp-headers@kubernetescrd"
        ai-bots     = "traefik-ai-bot-block@kubernetescrd"
      }
      auth_modes = {
        public = { middlewares = ["traefik-public-auth@kubernetescrd", "traefik-retry@kubernetescrd"] }
      }
    }
  }
}
"""


def plain_app(owner, namespace, memory="128Mi"):
    return CONVENTIONS % owner + hcl.resource("charon_tier_namespace", "x", {"name": namespace, "tier": "edge"}) \
        + text({
            "namespace": Expression("charon_tier_namespace.x.name"), "name": "echo",
            "image": "docker.io/mendhak/http-https-echo:36", "image_owner": "external",
            "ports": {"http": 8080, "https": 8443}, "files": {"/etc/echo.conf": {"content": "a"}},
            "resources": {"requests": {"cpu": "10m", "memory": memory}},
            "expose": {"web": {"port": "http", "auth": "public"}},
            "pod": {"termination_grace_period": "1s"},
        })


def test_a_plain_app_in_a_tier(stack, cluster, front, names):
    name = names("echo")
    config = stack.environment.pop("KUBE_CONFIG_PATH")
    stack.write(plain_app("one", name))
    assert stack.validate() == []
    stack.environment["KUBE_CONFIG_PATH"] = config
    stack.apply()
    assert cluster.api.contents(name) == sorted([
        "ConfigMap/echo-files", "Deployment/echo", "Ingress/echo", "LimitRange/tier-defaults", "ResourceQuota/tier-quota", "Service/echo",
        *(f"{kind}/{one['metadata']['name']}" for kind in ("ReplicaSet", "Pod", "Endpoints")
          for one in cluster.api.list(kind, name)),
    ])
    assert limits_of(cluster, name) == expected_limits("3-edge")
    assert quota_of(cluster, name) == expected_quota("3-edge")
    assert stack.state()["charon_tier_namespace.x"]["effective"]["priority_class"] == "tier-3-edge"
    ports = {p["name"]: (p["port"], p["targetPort"]) for p in cluster.get("Service", name, "echo")["spec"]["ports"]}
    assert ports == {"http": (80, "http"), "https": (443, "https")}
    ingress = cluster.get("Ingress", name, "echo")
    assert ingress["metadata"]["annotations"]["traefik.ingress.kubernetes.io/router.middlewares"] == ",".join([
        "traefik-retry@kubernetescrd", "traefik-error-pages@kubernetescrd", "traefik-rate-limit@kubernetescrd",
        "traefik-csp-headers@kubernetescrd", "traefik-public-auth@kubernetescrd",
    ])
    assert [rule["host"] for rule in ingress["spec"]["rules"]] == ["echo.example.org"]
    assert stack.state()[ADDRESS]["urls"] == {"web": "https://echo.example.org"}

    before = workload(cluster, name, "echo")
    front.reset()
    stack.write(plain_app("one", name, memory="192Mi"))
    assert stack.apply(checked=False).actions == {ADDRESS: "update"}
    (patch,) = front.writes()
    assert (patch.method, patch.path) == ("PATCH", f"/apis/apps/v1/namespaces/{name}/deployments/echo")
    assert touched(before, workload(cluster, name, "echo")) == {
        ("spec", "template", "spec", "containers", "echo", "resources", "requests", "memory")
    }
    stack.expect_empty()
    front.reset()
    assert stack.destroy().warnings == []
    # What leads to the pods goes before them, and what they read after them.
    gone = [e.path.split("/")[-2] for e in front.writes() if e.method == "DELETE"]
    assert [kind for kind in gone if kind not in ("limitranges", "resourcequotas")] == [
        "ingresses", "services", "deployments", "configmaps", "namespaces"]
    cluster.api.eventually(lambda: not cluster.has("Namespace", None, name), "the namespace to go")


def test_two_stacks_in_one_tier_do_not_fight(new_stack, cluster, names):
    first, second = new_stack("first"), new_stack("second")
    one, two = names("one"), names("two")
    first.write(plain_app("first", one))
    second.write(plain_app("second", two))
    first.apply()
    plan = second.apply()
    # The namespace, and with it its quota, is made in the same run.
    assert [w.summary for w in plan.warnings] == ["Quota unchecked"] and plan.applied.warnings == []
    first.expect_empty()
    first.destroy()
    second.expect_empty()
    assert workload(cluster, two, "echo")["status"]["readyReplicas"] == 1
    second.destroy()


# --- Co-owners ------------------------------------------------------------------------------------


def test_defaults_of_a_limit_range(stack, cluster, front, work):
    cluster.api.create({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "defaults", "namespace": work},
        "spec": {"limits": [{"type": "Container", "default": {"memory": "256Mi"}, "defaultRequest": {"cpu": "10m"}}]},
    })
    attributes = service(work, resources={"requests": {"memory": "64Mi"}})
    stack.write(text(attributes))
    stack.apply()
    (pod,) = pods(cluster, work)
    assert pod["spec"]["containers"][0]["resources"] == {
        "limits": {"memory": "256Mi"}, "requests": {"cpu": "10m", "memory": "64Mi"},
    }
    expect_only_change(stack, cluster, front, attributes, {"resources": {"requests": {"memory": "96Mi"}}}, MEMORY)
    stack.destroy()


def test_an_autoscaler_has_the_replicas(stack, cluster, front, work):
    attributes = service(work, replicas=2, replicas_owner="external")
    stack.write(text(attributes))
    stack.apply()
    assert workload(cluster, work)["spec"]["replicas"] == 2
    cluster.api.create({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web", "namespace": work},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                 "minReplicas": 4, "maxReplicas": 8},
    })
    if cluster.kind == "sandbox":  # whose autoscalers do not scale
        cluster.api.send("POST", "/_sandbox/act", {
            "apiVersion": "apps/v1", "kind": "Deployment", "namespace": work, "name": "web", "subresource": "scale",
            "manager": "kube-controller-manager", "patch": {"spec": {"replicas": 4}},
        })
    cluster.api.eventually(lambda: workload(cluster, work)["spec"]["replicas"] == 4, "the autoscaler")
    stack.expect_empty()
    expect_only_change(stack, cluster, front, attributes, {"env": {"MODE": "b"}}, ENV)
    assert workload(cluster, work)["spec"]["replicas"] == 4
    # The number in the configuration counts at creation only.
    stack.write(text(attributes | {"env": {"MODE": "b"}, "replicas": 1}))
    stack.apply()
    assert workload(cluster, work)["spec"]["replicas"] == 4
    stack.destroy()


POLICY = {
    "metadata": {"labels": {"policy": "was-here"}},
    "spec": {"template": {
        "metadata": {"labels": {"policy": "was-here"}},
        "spec": {
            "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
            "initContainers": [{"name": "policy-init", "image": "registry.example.org/policy:1",
                                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                                "imagePullPolicy": "IfNotPresent", "resources": {}}],
            "containers": [{"name": "web", "imagePullPolicy": "Always"}],
        },
    }},
}


def test_a_mutating_webhook(stack, cluster, front, work, folder):
    attributes = service(work, init_containers=[{"name": "own", "command": ["true"]}])
    with mutating(cluster, folder / "webhook", "Deployment", work, POLICY):
        stack.write(text(attributes))
        plan = stack.apply()
        assert plan.applied.warnings == []
        template = workload(cluster, work)["spec"]["template"]
        assert template["spec"]["dnsConfig"] == POLICY["spec"]["template"]["spec"]["dnsConfig"]
        assert {c["name"] for c in template["spec"]["initContainers"]} == {"own", "policy-init"}
        assert template["spec"]["containers"][0]["imagePullPolicy"] == "Always"
        expect_only_change(stack, cluster, front, attributes, {"env": {"MODE": "b"}}, ENV)
    assert workload(cluster, work)["metadata"]["labels"]["policy"] == "was-here"
    stack.destroy()


def test_a_webhook_that_rewrites_what_is_declared(stack, cluster, front, work, folder):
    """What comes out of the first apply is what the platform makes of it: no drift for ever after."""
    attributes = service(work, image_pull_policy="IfNotPresent")
    with mutating(cluster, folder / "webhook", "Deployment", work, POLICY):
        stack.write(text(attributes))
        stack.apply()
        assert container(workload(cluster, work))["imagePullPolicy"] == "Always"
        expect_only_change(stack, cluster, front, attributes, {"env": {"MODE": "b"}}, ENV,
                           warnings=["The server rewrote what was applied"])
    # But when it is something else again, that is told.
    cluster.api.patch("Deployment", work, "web", {"spec": {"template": {"spec": {"containers": [
        {"name": "web", "imagePullPolicy": "Never"}]}}}}, "strategic")
    plan = stack.plan()
    assert plan.actions == {ADDRESS: "update"} and plan.says("imagePullPolicy", "somebody")


CO_OWNED = {
    "labels and annotations": {
        "metadata": {"labels": {"cost": "42"}, "annotations": {"scanner": "clean"}},
        "spec": {"template": {"metadata": {"labels": {"cost": "42"}, "annotations": {"scanner": "clean"}}}},
    },
    "env": {"spec": {"template": {"spec": {"containers": [{"name": "web", "env": [{"name": "INJECTED", "value": "1"}]}]}}}},
    "a sidecar": {"spec": {"template": {"spec": {
        "containers": [{"name": "mesh", "image": "registry.example.org/mesh:1"}],
        "volumes": [{"name": "mesh", "emptyDir": {}}],
    }}}},
    "what the attributes leave out": {"spec": {"template": {"spec": {
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]}, "hostAliases": [{"ip": "192.0.2.9"}],
        "containers": [{"name": "web", "resources": {"limits": {"memory": "1Gi"}}}],
    }}}},
}


@pytest.mark.parametrize("how", ["apply", "strategic"])
@pytest.mark.parametrize("what", CO_OWNED)
def test_another_field_manager(stack, cluster, front, work, what, how):
    attributes = service(work, resources={"requests": {"memory": "64Mi"}}, pod=QUICK | {"annotations": {"ours": "1"}})
    stack.write(text(attributes))
    stack.apply()
    theirs = CO_OWNED[what]
    if how == "apply":
        identity = {"apiVersion": "apps/v1", "kind": "Deployment",
                    "metadata": {"name": "web", "namespace": work} | theirs.get("metadata", {})}
        cluster.api.apply(theirs | identity, "mesh-operator")
    else:
        cluster.api.patch("Deployment", work, "web", theirs, "strategic", "mesh-operator")
    added = set(leaves(theirs))
    stack.expect_empty()
    expect_only_change(stack, cluster, front, attributes, {"env": {"MODE": "b"}}, ENV)
    assert added - set(leaves(workload(cluster, work))) == set()
    stack.destroy()


def test_an_image_updater_has_the_image(stack, cluster, front, work):
    attributes = service(work, image_owner="external", sidecars={
        "helper": {"image": "registry.example.org/helper:1", "image_owner": "external"},
    })
    stack.write(text(attributes))
    stack.apply()
    cluster.api.patch("Deployment", work, "web", {"spec": {"template": {"spec": {"containers": [
        {"name": "web", "image": "registry.example.org/web:9"}, {"name": "helper", "image": "registry.example.org/helper:9"},
    ]}}}}, "strategic", "keel")
    stack.expect_empty()
    expect_only_change(stack, cluster, front, attributes, {"env": {"MODE": "b"}}, ENV)
    # A newer image in the configuration is for the next creation.
    front.reset()
    stack.write(text(attributes | {"env": {"MODE": "b"}, "image": "registry.example.org/web:2"}))
    stack.apply()
    assert front.writes() == []
    images = {c["name"]: c["image"] for c in workload(cluster, work)["spec"]["template"]["spec"]["containers"]}
    assert images == {"web": "registry.example.org/web:9", "helper": "registry.example.org/helper:9"}
    stack.destroy()


def test_the_live_image_is_that_of_any_container(stack, cluster, work):
    """Of the main one without a name, of sidecars and init containers by theirs."""
    image = "registry.example.org/{}:{}".format
    attributes = {"namespace": work, "name": "web", "image": image("web", 1), "init_containers": [
        {"name": "setup", "image": image("setup", 1)},
        {"name": "proxy", "image": image("proxy", 1), "image_owner": "external", "restart_policy": "Always"}]}
    stack.write(hcl.resource("charon_service", "x", attributes))
    stack.apply()
    cluster.api.patch("Deployment", work, "web", {"spec": {"template": {"spec": {"initContainers": [
        {"name": "proxy", "image": image("proxy", 9)}]}}}}, "strategic", "keel")
    asked = {"main": {}, "setup": {"container": "setup", "floor": "2"}, "proxy": {"container": "proxy", "floor": "2"}}

    def found(**more) -> str:
        return hcl.resource("charon_service", "x", attributes) + "".join(
            hcl.block(f'data "charon_live_image" "{name}"', {"namespace": work, "workload": "Deployment/web"} | config)
            + hcl.block(f'output "{name}"', {"value": hcl.Expression(f"[for k in [\"image\", \"set_by\"] : data.charon_live_image.{name}[k]]")})
            for name, config in (asked | more).items())

    stack.write(found())
    stack.apply(checked=False)
    assert stack.state().outputs == {
        "main": [image("web", 1), "charon"], "setup": [image("setup", 2), "charon"], "proxy": [image("proxy", 9), "keel"]}
    stack.write(found(none={"container": "nobody"}))
    (error,) = stack.plan(fails=True).errors
    assert 'has no container "nobody"; it has web, setup, proxy' in error.text, error
    stack.write(hcl.resource("charon_service", "x", attributes))
    stack.destroy()


def test_an_autoscaler_has_the_resources(stack, cluster, front, work):
    attributes = service(work, resources={"requests": {"memory": "64Mi"}}, resources_owner="external")
    stack.write(text(attributes))
    stack.apply()
    cluster.api.patch("Deployment", work, "web", {"spec": {"template": {"spec": {"containers": [
        {"name": "web", "resources": {"requests": {"memory": "300Mi", "cpu": "20m"}}},
    ]}}}}, "strategic", "vpa-updater")
    stack.expect_empty()
    expect_only_change(stack, cluster, front, attributes, {"env": {"MODE": "b"}}, ENV)
    assert container(workload(cluster, work))["resources"]["requests"] == {"memory": "300Mi", "cpu": "20m"}
    stack.destroy()


def test_resources_that_nobody_has_any_more(stack, cluster, work):
    """What was set at the creation goes with the lines that set it, once; what the autoscaler set is the autoscaler's."""
    said = {"resources": {"requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi"}}, "resources_owner": "external"}
    attributes = service(work, wait="none")
    sidecar = {"image": "registry.example.org/side:1"}

    def now(name):
        return container(workload(cluster, work), name).get("resources", {})

    stack.write(text(attributes | said | {"sidecars": {"side": sidecar | said}}))
    stack.apply()
    cluster.api.patch("Deployment", work, "web", {"spec": {"template": {"spec": {"containers": [
        {"name": "web", "resources": {"requests": {"memory": "100Mi", "cpu": "20m"}}},
    ]}}}}, "strategic", "vpa-updater")
    stack.expect_empty()
    # Left to others, and not said: all stays.
    stack.write(text(attributes | {"resources_owner": "external", "sidecars": {"side": sidecar | said}}))
    stack.apply()
    assert now("web") == {"requests": {"memory": "100Mi", "cpu": "20m"}, "limits": {"memory": "128Mi"}}
    stack.write(text(attributes | said | {"sidecars": {"side": sidecar | said}}))
    stack.apply()
    generation = workload(cluster, work)["metadata"]["generation"]
    stack.write(text(attributes | {"sidecars": {"side": sidecar}}))
    plan = stack.plan()
    after = stack.show_plan_json(plan)["resource_changes"][0]["change"]
    assert after["after_unknown"]["objects"] == {f"Deployment/{work}/web": True}, "the plan says what is written"
    stack.apply()
    assert (now("web"), now("side")) == ({"requests": {"memory": "100Mi", "cpu": "20m"}}, {})
    assert workload(cluster, work)["metadata"]["generation"] == generation + 1, "one rollout"
    # First others', then ours, then nobody's: they go as any other line.
    for late, expected in ((said, said["resources"]), ({"resources": said["resources"]}, said["resources"]), ({}, {})):
        stack.write(text(attributes | {"sidecars": {"side": sidecar, "late": sidecar | late}}))
        stack.apply()
        assert now("late") == expected, late
    stack.destroy()


def test_what_exists_beside_a_service_is_not_to_be_imported(stack, cluster, work):
    """An import is of the service, which the state has; or of a workload, which there is none."""
    taken = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "web-files", "namespace": work}}
    cluster.api.create(taken, "kubectl-create")
    for create in (True, False):
        if not create:
            stack.write(text(service(work, wait="none")))
            stack.apply()
        stack.write(text(service(work, wait="none", files={"/etc/a": {"content": "a"}})))
        for result in (stack.plan(), stack.apply(fails=True)):
            assert result.says(f"ConfigMap/{work}/web-files exists already", 'Set on_conflict = "adopt"'), result
            assert not result.says("Import it"), result
    stack.destroy()
    assert cluster.has("ConfigMap", work, "web-files")


def test_a_claim_that_was_grown(stack, cluster, front, work, names):
    make_storage_class(cluster, names("grows"))
    claim = {"size": "1Gi", "storage_class": names("grows"), "autoresize": "10Gi"}
    attributes = service(work, delete_data=True, claims={"data": {"mount": "/data"} | claim})
    stack.write(text(attributes))
    stack.apply()
    cluster.api.patch("PersistentVolumeClaim", work, "web-data",
                      {"spec": {"resources": {"requests": {"storage": "5Gi"}}}}, manager="pvc-autoresizer")
    stack.expect_empty()
    expect_only_change(stack, cluster, front, attributes, {"env": {"MODE": "b"}}, ENV)

    def size():
        return cluster.get("PersistentVolumeClaim", work, "web-data")["spec"]["resources"]["requests"]["storage"]

    for wanted, then in (("3Gi", "5Gi"), ("8Gi", "8Gi"), ("2Gi", "8Gi")):
        grown = {"data": {"mount": "/data"} | claim | {"size": wanted}}
        stack.write(text(attributes | {"env": {"MODE": "b"}, "claims": grown}))
        stack.apply()
        assert size() == then
    stack.destroy()
    assert not cluster.has("PersistentVolumeClaim", work, "web-data")


def test_a_field_of_ours_that_somebody_takes_is_told_and_not_fought(stack, cluster, work):
    attributes = service(work)
    stack.write(text(attributes))
    stack.apply()
    cluster.api.patch("Deployment", work, "web", {"spec": {"replicas": 3}}, manager="someone-by-hand")
    plan = stack.plan()
    assert plan.actions == {ADDRESS: "update"}
    # The number is ours although `replicas` is left out, so that leaving it out is no way.
    ways = 'To leave the field to it, set replicas_owner = "external". To take it over, set force_conflicts = true.'
    assert plan.says("someone-by-hand", "spec.replicas", ways), plan
    result = stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
    assert result.says("someone-by-hand", ways) and workload(cluster, work)["spec"]["replicas"] == 3
    stack.write(text(attributes | {"replicas_owner": "external"}))
    stack.apply()
    assert workload(cluster, work)["spec"]["replicas"] == 3
    stack.destroy()


# --- Waits that fail ------------------------------------------------------------------------------

CLAIMS = {"data": {"mount": "/data", "size": "1Gi"}}
FAILURES = {
    "crash loop": ({"pod": QUICK | {"annotations": {"test/crash-loop": "true"}}}, ("CrashLoopBackOff", "exit")),
    "image pull": ({"pod": QUICK | {"annotations": {"test/image-pull-error": "true"}}}, ("ImagePullBackOff",)),
    "unschedulable": ({"scheduling": {"node_selector": {"example.org/nowhere": "true"}}}, ("node",)),
    "quota": ({"resources": {"requests": {"memory": "64Gi"}}}, ("exceeded quota", "requests.memory")),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.thorough("waits for a grace to end")
def test_a_wait_that_fails_is_corrected(stack, cluster, work, failure):
    cluster.api.create({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota", "namespace": work},
                        "spec": {"hard": {"requests.memory": "4Gi"}}})
    attributes = service(work, claims=CLAIMS, generated_secrets={"PASSWORD": {}}, timeouts={"create": "8m"},
                         resources={"requests": {"memory": "64Mi"}})
    wrong, reasons = FAILURES[failure]
    stack.write(text(attributes | wrong))
    plan = stack.plan()
    began = time.monotonic()
    result = stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
    # A grace of half a minute, not the time-out of eight.
    assert time.monotonic() - began < 120
    assert result.error.address == ADDRESS and result.says(*reasons), result
    if failure in ("quota", "unschedulable"):
        assert failure == "unschedulable" or any("not fit" in w.summary for w in plan.warnings), plan
    kept = {ref: cluster.get(*ref) for ref in (
        ("PersistentVolumeClaim", work, "web-data"), ("Secret", work, "web-generated"), ("Deployment", work, "web"),
    )}
    stack.write(text(attributes))
    stack.apply()
    assert workload(cluster, work)["status"]["readyReplicas"] == 1
    for ref, before in kept.items():
        now = cluster.get(*ref)
        assert now["metadata"]["uid"] == before["metadata"]["uid"], ref
        assert now.get("data") == before.get("data")
    stack.destroy()


@pytest.mark.parametrize("before", ("by another name", "without a name"))
@pytest.mark.thorough("waits for a rollout that fails")
def test_a_service_leads_to_the_pods_that_run_until_others_do(stack, cluster, work, before):
    """A name for a port comes with new pods: those of before, which do not have it, are reached while they run."""
    def target():
        return [port["targetPort"] for port in cluster.get("Service", work, "web")["spec"]["ports"]]

    attributes = service(work, service={"ports": {"web": 80}}, on_conflict="adopt", force_conflicts=True,
                         timeouts={"create": "15s", "update": "15s"})
    if before == "by another name":
        stack.write(text(attributes | {"ports": {"http": "8080"}, "service": {"ports": {"http": 80}}}))
        stack.apply()
        assert target() == ["http"]
    else:
        labels = {"app": "web"}
        cluster.api.create({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": work},
            "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": {"containers": [
                {"name": "web", "image": IMAGE, "ports": [{"containerPort": 8080}]}]}}}})
        cluster.api.create({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": work},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]}})
        cluster.api.eventually(lambda: workload(cluster, work).get("status", {}).get("readyReplicas") == 1, "the pod of before to be ready")

    failing = QUICK | {"annotations": {"test/image-pull-error": "true"}}
    stack.write(text(attributes | {"ports": {"web": "8080"}, "pod": failing}))
    for _ in range(2):  # also where an earlier run has got as far as the pods
        assert stack.apply(fails=True).says("ImagePullBackOff")
        assert target() == [8080]
    stack.write(text(attributes | {"ports": {"web": "8080"}}))
    stack.apply()
    assert target() == ["web"]
    stack.destroy()


@pytest.mark.parametrize("owned", ("image_owner", "resources_owner"))
@pytest.mark.thorough("other tests meet what is set at creation; here it goes")
def test_a_container_with_what_was_set_at_its_creation_can_go(stack, cluster, work, owned):
    """By removing it or by its new name, also after another change, and as the only one of its list."""
    more = {"image": "registry.example.org/side:1", "resources": {"limits": {"memory": "64Mi"}}, owned: "external"}
    whole = service(work, init_containers=[{"name": "first"} | more], sidecars={"side": more}, wait="none",
                    resources={"limits": {"memory": "64Mi"}}) | {owned: "external"}

    def there(field):
        return [c["name"] for c in workload(cluster, work)["spec"]["template"]["spec"].get(field, [])]

    stack.write(text(whole))
    stack.apply()
    stack.write(text(whole | {"env": {"MODE": "b"}}))
    stack.apply()
    assert (there("initContainers"), there("containers")) == (["first"], ["web", "side"])
    stack.write(text({k: v for k, v in whole.items() if k not in ("init_containers", "sidecars")}))
    stack.apply()
    assert (there("initContainers"), there("containers")) == ([], ["web"])
    stack.write(text({k: v for k, v in whole.items() if k not in ("init_containers", "sidecars")} | {"pod": QUICK | {"container_name": "main"}}))
    stack.apply()
    assert there("containers") == ["main"]
    stack.destroy()


@pytest.mark.thorough("goes deep where others go broad")
def test_what_a_create_wrote_that_a_policy_changed_is_known(stack, cluster, work, folder):
    """on_server_rewrite = "error" refuses what is there by then."""
    stack.write(text(service(work, image="registry.example.org/web:2", files={"/etc/a": {"content": "a"}}, claims=CLAIMS, delete_data=True,
                             on_server_rewrite="error", wait="none")))
    with mutating(cluster, folder / "webhook", "Deployment", work, {"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "other:1"}]}}}}):
        stack.apply(fails=True)
    assert f"Deployment/{work}/web" in stack.state()[ADDRESS]["objects"] and cluster.has("Deployment", work, "web")
    stack.destroy()
    for ref in (("Deployment", work, "web"), ("ConfigMap", work, "web-files"), ("PersistentVolumeClaim", work, "web-data")):
        assert not cluster.has(*ref)


def test_a_quota_that_the_same_run_changes_is_unchecked(stack, cluster, names):
    name = names("work")

    def written(memory: str, *more: str) -> str:
        return hcl.resource("charon_tier_namespace", "n", {"name": name, "resource_quota": {"requests.memory": memory}}) + "".join(more)

    echo = text(service(hcl.Expression("charon_tier_namespace.n.name"), resources={"requests": {"memory": "100Mi"}}))
    # Where nothing limits there is nothing to say.
    stack.write(hcl.resource("charon_tier_namespace", "n", {"name": name}) + echo)
    assert stack.plan().warnings == []
    stack.write(written("64Mi"))
    stack.apply()
    stack.write(written("64Mi", echo))
    assert [w.summary for w in stack.plan().warnings] == ["The pods will not fit"]
    stack.write(written("1Gi", echo))
    plan = stack.apply()
    (warning,) = plan.warnings
    assert warning.summary == "Quota unchecked" and f"changes the quota of namespace {name}" in warning.text
    stack.destroy()


def test_a_parked_service_is_no_error(stack, cluster, work):
    attributes = service(work, replicas=0, pod=QUICK | {"annotations": {"test/crash-loop": "true"}}, expose={
        "l4": {"loadbalancer": {}},
    }, ports={"http": 8080})
    stack.write(text(attributes))
    stack.apply()
    assert workload(cluster, work)["spec"]["replicas"] == 0 and pods(cluster, work) == []
    stack.write(text(attributes | {"replicas": 2, "pod": QUICK}))
    stack.apply()
    assert len(pods(cluster, work)) == 2
    stack.write(text(attributes))
    stack.apply()
    cluster.api.eventually(lambda: pods(cluster, work) == [], "the pods to go")
    stack.destroy()


# --- Exposure -------------------------------------------------------------------------------------


def test_removing_an_entry_removes_exactly_its_objects(stack, cluster, front, work):
    door = {"auth": "none", "auth_reason": "a test"}
    entries = {
        "web": door | {"host": "web.example.org", "ingress": {
            "content_security_policy": "default-src 'self'", "redirects": [{"from": "^/old$", "to": "/new"}]}},
        "api": door | {"host": "api.example.org"},
        "l4": {"loadbalancer": {"ports": ["http"]}},
        "node": {"nodeport": {"ports": ["http"]}},
    }
    made = {
        "web": {("Ingress", "web"), ("Ingress", "web-web-redirect-0"), ("ConfigMap", "web-web-headers")},
        "api": {("Ingress", "web-api")}, "l4": {("Service", "web-l4")}, "node": {("Service", "web-node")},
    }
    attributes = service(work, ports={"http": 8080}, expose=entries)
    stack.write(text(attributes))
    stack.apply()

    def present():
        return {
            (kind, one["metadata"]["name"]): (one["metadata"]["uid"], one["metadata"].get("managedFields"))
            for kind in ("Ingress", "Service", "ConfigMap", "Deployment") for one in cluster.api.list(kind, work)
            if one["metadata"]["name"] != "kube-root-ca.crt"
        }

    left = dict(entries)
    for entry in entries:
        before = present()
        assert made[entry] <= before.keys()
        del left[entry]
        front.reset()
        stack.write(text(attributes | {"expose": left}))
        stack.apply()
        assert before.keys() - present().keys() == made[entry]
        assert sorted(e.method for e in front.writes()) == ["DELETE"] * len(made[entry])
        assert (stack.state()[ADDRESS]["urls"] or {}).keys() <= left.keys()
    assert {uid for uid, _ in present().values()} <= {uid for uid, _ in before.values()}
    stack.destroy()


# --- Data -----------------------------------------------------------------------------------------


def data_of(cluster, namespace, kind):
    claim = "data-web-0" if kind == "statefulset" else "web-data"
    return [("PersistentVolumeClaim", namespace, claim), ("Secret", namespace, "web-generated")]


@pytest.mark.parametrize("kind", ["deployment", "statefulset"])
def test_data_is_kept_and_taken_again(stack, cluster, work, kind):
    claim = {"size": "1Gi"} | ({"per_replica": True} if kind == "statefulset" else {})
    attributes = service(work, kind=kind, claims={"data": {"mount": "/data"} | claim},
                         generated_secrets={"PASSWORD": {"length": 40}})
    stack.write(text(attributes))
    stack.apply()
    refs = data_of(cluster, work, kind)
    before = [cluster.get(*ref) for ref in refs]
    password = before[1]["data"]["PASSWORD"]
    result = stack.destroy()
    assert {w.summary for w in result.warnings} == {f"Data is kept: {work}/web", "Data was kept"}, result  # before and after
    for warning in result.warnings:
        assert "delete_data" in warning.text
    (warning,) = [w for w in result.warnings if w.summary == "Data was kept"]
    assert all(f"{ref[0]}/{work}/{ref[2]}" in warning.text for ref in refs), result
    assert [cluster.get(*ref)["metadata"]["uid"] for ref in refs] == [one["metadata"]["uid"] for one in before]
    # A service of the same name finds it again.
    plan = stack.apply()
    assert plan.actions == {ADDRESS: "create"}
    assert [cluster.get(*ref)["metadata"]["uid"] for ref in refs] == [one["metadata"]["uid"] for one in before]
    assert cluster.get(*refs[1])["data"]["PASSWORD"] == password
    # A volume that is not declared any more stays as well ...
    if kind == "deployment":
        stack.write(text(attributes | {"claims": {}}))
        assert stack.apply(checked=False).applied.says("Data was kept", "web-data")
        stack.expect_empty()
        assert cluster.has(*refs[0])
        stack.write(text(attributes))
        stack.apply()
        assert cluster.get(*refs[0])["metadata"]["uid"] == before[0]["metadata"]["uid"]
    # ... unless it is said that it may go.
    stack.write(text(attributes | {"delete_data": True}))
    stack.apply()
    assert stack.destroy().warnings == []
    for ref in refs:
        cluster.api.eventually(lambda: not cluster.has(*ref), f"{ref} to go")


def test_the_volume_of_a_service_with_delete_data_goes_with_its_entry(stack, cluster, work):
    attributes = service(work, delete_data=True, claims=CLAIMS, generated_secrets={"PASSWORD": {}})
    stack.write(text(attributes))
    stack.apply()
    stack.write(text(attributes | {"claims": {}, "generated_secrets": {}}))
    assert stack.apply().applied.warnings == []
    for ref in data_of(cluster, work, "deployment"):
        cluster.api.eventually(lambda: not cluster.has(*ref), f"{ref} to go")
    stack.destroy()


def test_the_claims_of_replicas_are_kept_and_told_when_their_volume_goes(stack, cluster, work):
    claims = {"data": {"mount": "/data", "size": "1Gi", "per_replica": True}}
    attributes = service(work, kind="statefulset", replicas=2, claims=claims)
    stack.write(text(attributes))
    stack.apply()
    made = [("PersistentVolumeClaim", work, f"data-web-{ordinal}") for ordinal in (0, 1)]
    assert all(cluster.has(*ref) for ref in made)
    stack.write(text(attributes | {"claims": {}}))
    (warning,) = stack.apply().applied.warnings
    assert "data-web-0" in warning.text and "data-web-1" in warning.text and "were not deleted" in warning.text
    assert all(cluster.has(*ref) for ref in made)
    # With the volume declared again they are taken again, and with delete_data they go with it.
    stack.write(text(attributes | {"delete_data": True}))
    stack.apply()
    stack.write(text(attributes | {"delete_data": True, "claims": {}}))
    assert stack.apply().applied.warnings == []
    for ref in made:
        cluster.api.eventually(lambda: not cluster.has(*ref), f"{ref} to go")
    stack.destroy()


# --- Secrets --------------------------------------------------------------------------------------


@pytest.fixture
def operators(exclusive, cluster):
    with exclusive("operators"):
        make_crd(cluster, "external-secrets.io", "v1", "ExternalSecret", "externalsecrets")
        yield


STORED = {"secrets": {"db": {"store": "vault", "extract": "db", "on_change": "restart"}},
          "env_secret": {"PASSWORD": "db/password"}}


def rotate(cluster, namespace):
    cluster.api.patch("Secret", namespace, "web-db", {"stringData": {"password": "rotated-by-the-operator"}},
                      manager="external-secrets")


def test_a_rotated_secret_restarts_the_pods(stack, cluster, front, operators, work):
    make_secret(cluster, work, "web-db", password="from-the-operator")
    stack.write(text(service(work, **STORED)))
    stack.apply()
    (before,) = pods(cluster, work)
    rotate(cluster, work)
    plan = stack.plan()
    assert plan.actions == {ADDRESS: "update"} and plan.says("restart: secret web-db rotated"), plan
    change = stack.planned(plan, ADDRESS)
    assert {k for k in change["after"] if change["after"][k] != change["before"].get(k)} == {"restart"}
    front.reset()
    stack.apply()
    assert [e.method for e in front.writes()] == ["PATCH"]
    (after,) = pods(cluster, work)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    stack.destroy()


def test_a_reload_controller_restarts_the_pods_and_the_plan_stays_empty(stack, cluster, operators, work):
    annotation = "secret.reloader.stakater.com/reload"
    make_secret(cluster, work, "web-db", password="from-the-operator")
    provider = hcl.block('provider "charon"', {"conventions": {"reload_annotation": annotation}})
    stack.write(provider + text(service(work, **STORED)))
    stack.apply()
    assert workload(cluster, work)["metadata"]["annotations"][annotation] == "web-db"
    rotate(cluster, work)
    stack.expect_empty()
    # What such a controller does about it.
    cluster.api.patch("Deployment", work, "web", {"spec": {"template": {"metadata": {"annotations": {
        "reloader.stakater.com/last-reloaded-from": "web-db"}}}}}, manager="reloader")
    stack.expect_empty()
    stack.destroy()


def test_pods_wait_for_the_secret_of_an_operator(stack, cluster, front, operators, work):
    """The workload is not made before the Secret is; a Secret that never comes is told with what the operator says."""
    attributes = service(work, timeouts={"create": "8s"}, **STORED)
    stack.write(text(attributes))
    result = stack.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    assert result.says("web-db") and result.error.address == ADDRESS, result
    assert not cluster.has("Deployment", work, "web") and cluster.has("ExternalSecret", work, "web-db")
    stack.write(text(attributes | {"timeouts": {"create": "1m"}}))
    running = stack.start("apply", "-json", "-input=false", "-auto-approve")
    front.reset()
    cluster.api.eventually(lambda: any(e.is_watch and "/secrets" in e.path for e in front.log()), "the wait")
    make_secret(cluster, work, "web-db", password="from-the-operator")
    assert stack.finish(running).code == 0
    stack.expect_empty()
    stack.destroy()


HIDDEN = "s3cret+/hidden&\"quoted\"<value>"
CHANGED = "s3cret+/changed<value>"


def test_write_only_environment_is_found_nowhere(stack, cluster, work):
    stack.environment["TF_VAR_hidden"] = HIDDEN
    variable = 'variable "hidden" {\n  type      = string\n  ephemeral = true\n}\n'

    def write(version):
        stack.write(variable + text(service(work, env_wo={"TOKEN": Expression("var.hidden")}, env_wo_version=version,
                                            generated_secrets={"PASSWORD": {"length": 40}}, delete_data=True)))

    def value(secret, key):
        return base64.b64decode(cluster.get("Secret", work, secret)["data"][key]).decode()

    with stack.watching_arguments():
        write("1")
        stack.apply()
        assert value("web-env", "TOKEN") == HIDDEN
        sources = container(workload(cluster, work))["envFrom"]
        assert [source["secretRef"]["name"] for source in sources] == ["web-env"]
        generated = value("web-generated", "PASSWORD")
        (before,) = pods(cluster, work)
        # Another value counts with another version.
        stack.environment["TF_VAR_hidden"] = CHANGED
        stack.expect_empty()
        write("2")
        stack.apply()
        assert value("web-env", "TOKEN") == CHANGED and value("web-generated", "PASSWORD") == generated
        (after,) = pods(cluster, work)
        assert after["metadata"]["uid"] != before["metadata"]["uid"]
        # Somebody writes there: no message quotes it.
        cluster.api.patch("Secret", work, "web-env", {"stringData": {"TOKEN": "x" + HIDDEN}})
        stack.run("plan", "-input=false", "-no-color", codes=(0, 1))
        stack.run("show", "-json")
        stack.destroy()
    places = [p for p in (stack.config, stack.logs, stack.plans, stack.folder / "data") if p.exists()]
    assert leaks.find([HIDDEN, CHANGED, generated], *places) == []
    # The finder does find what is there.
    (stack.config / "control").write_text(json.dumps({"x": base64.b64encode(HIDDEN.encode()).decode()}))
    assert leaks.find([HIDDEN], stack.config)
