"""Services among the operators, webhooks and versions of a platform (field study, A2, A3 and A10)."""

import contextlib
import json

import pytest
import yaml

from harness import hcl, leaks, operators
from harness.cli import squeezed
from harness.operators import Certificates, ExternalSecrets, Reloader
from harness.webhook import Webhook

pytestmark = [
    pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it"),
    pytest.mark.thorough("goes deep where others go broad"),
]

ADDRESS = "charon_service.x"


def provider(**conventions) -> str:
    return hcl.block('provider "charon"', {"conventions": conventions})


def namespace(name: str, **attributes) -> str:
    return hcl.resource("charon_tier_namespace", "x", {"name": name} | attributes)


def service(**attributes) -> str:
    return hcl.resource("charon_service", "x", {"namespace": hcl.Expression("charon_tier_namespace.x.name")} | attributes)


def clear(stack, cluster, name: str) -> None:
    """Destroys a service that keeps its data, and the data."""
    objects = stack.state()[ADDRESS]["objects"]
    stack.run("destroy", "-json", "-input=false", "-auto-approve", codes=(0, 1))
    for key in objects:
        if key.startswith("PersistentVolume/"):
            cluster.api.delete("PersistentVolume", None, key.rsplit("/", 1)[1])
    cluster.api.delete("Namespace", None, name)
    stack.destroy()


# --- A2: an application with database secrets ------------------------------------------------------

FIRST = {"linkwarden": {"authentik_client_id": "client-5d1f0c66"}, "static-creds/pg": {"password": "first-1b2f6a0e9c"}}
SECOND = FIRST | {"static-creds/pg": {"password": "second-77aa01c3f4"}}


class Witness(ExternalSecrets):
    """Also notes whether the Deployment was there before a Secret."""

    early: list[str] = []

    def _make(self, object_):
        name, secret = object_["metadata"]["namespace"], object_["spec"]["target"]["name"]
        if not self.api.get("Secret", name, secret) and self.api.get("apps/v1/Deployment", name, name):
            self.early = [*self.early, secret]
        super()._make(object_)


def linkwarden(name: str, **more) -> str:
    return namespace(name) + service(
        image="ghcr.io/linkwarden/linkwarden:v2.14.0", image_owner="external", ports={"http": 3000},
        secrets={
            "app": {"store": "vault-kv", "extract": "linkwarden"},
            "db": {
                "store": "vault-database", "values": {"password": "static-creds/pg#password"}, "refresh": "15m",
                "render": {"DATABASE_URL": "postgresql://linkwarden:{{ .password }}@postgresql.dbaas:5432/linkwarden"},
                "on_change": "restart",
            },
        },
        generated_secrets={"NEXTAUTH_SECRET": {"length": 32}},
        env_secret={"DATABASE_URL": "db/DATABASE_URL", "AUTHENTIK_CLIENT_ID": "app/authentik_client_id"},
        claims={"archives": {"mount": "/storage", "size": "2Gi"}},
        expose={"web": {"host": "links.example.org", "auth": "app", "auth_reason": "own login"}},
        **more,
    )


def pods(cluster, name: str) -> set[str]:
    return {p["metadata"]["uid"] for p in cluster.api.list("Pod", name) if "deletionTimestamp" not in p["metadata"]}


def template_annotations(cluster, name: str) -> dict[str, str]:
    live = cluster.get("apps/v1/Deployment", name, name)
    return live["spec"]["template"]["metadata"].get("annotations", {})


def test_an_application_with_database_secrets(stack, cluster, names, crds):
    name = names("links")
    crds.without("ExternalSecret")
    crd = yaml.safe_dump(operators.crd("ExternalSecret"))
    installed = hcl.resource("charon_kubernetes_manifest", "crd", {
        "manifest": crd, "wait": {"conditions": {"Established": "True"}}})
    waits = {"depends_on": [hcl.Expression("charon_kubernetes_manifest.crd")]}
    stack.write(provider(owner=name, reload_annotation=Reloader.ANNOTATION) + installed + linkwarden(name, **waits))
    plan = stack.plan()
    assert plan.actions[ADDRESS] == "create" and not plan.errors, "the plan does without the CRD"

    with Witness(cluster.api, FIRST, name, after=3) as operator, Reloader(cluster.api, name):
        stack.apply()
        assert operator.early == [], "the Deployment waits for the Secrets that its pods need"
        live = cluster.get("apps/v1/Deployment", name, name)
        assert live["status"]["readyReplicas"] == 1

        # The operator has written its own interval.
        source = cluster.get("ExternalSecret", name, f"{name}-db")
        assert source["spec"]["refreshInterval"] == "1h0m0s"
        stack.expect_empty()

        before = pods(cluster, name)
        operator.rotate(SECOND)
        restarted = lambda: (now := pods(cluster, name)) and not now & before
        cluster.api.eventually(restarted, "the pods to be restarted", 30)
        stack.expect_empty()

        # A change of something else keeps what the two others wrote.
        reason = template_annotations(cluster, name)
        stack.write(provider(owner=name, reload_annotation=Reloader.ANNOTATION) + installed
                    + linkwarden(name, env={"STORAGE_FOLDER": "/storage"}, **waits))
        assert stack.apply().actions == {ADDRESS: "update"}
        assert template_annotations(cluster, name) == reason != {}
        source = cluster.get("ExternalSecret", name, f"{name}-db")
        assert source["spec"]["refreshInterval"] == "1h0m0s"

    secrets = [v for store in (FIRST, SECOND) for values in store.values() for v in values.values()]
    assert leaks.find(sorted(set(secrets)), stack.config, stack.logs, stack.plans) == []
    assert leaks.find([name], stack.config), "the search does look there"
    clear(stack, cluster, name)
    crds("ExternalSecret")  # which this stack owned, for whom comes next


def test_without_a_reloader_the_plan_says_that_a_secret_rotated(stack, cluster, names, crds):
    name = names("links")
    crds("ExternalSecret")
    stack.write(provider(owner=name) + linkwarden(name))
    with ExternalSecrets(cluster.api, FIRST, name) as operator:
        stack.apply()
        before = pods(cluster, name)
        operator.rotate(SECOND)
        plan = stack.plan()
        assert [d.summary for d in plan.warnings if "rotated" in d.summary] == [f"restart: secret {name}-db rotated"]
        change = stack.planned(plan, ADDRESS)
        changed = {k for k in change["after"] if change["after"][k] != change["before"][k]} | set(change["after_unknown"])
        assert changed == {"restart"}
        assert pods(cluster, name) == before, "nothing happens before the apply"
        stack.apply()
        assert not pods(cluster, name) & before
    assert leaks.find(["first-1b2f6a0e9c", "second-77aa01c3f4"], stack.config, stack.logs, stack.plans) == []
    clear(stack, cluster, name)


def test_a_secret_that_never_comes_is_told_with_what_its_operator_says(stack, cluster, names, crds):
    name = names("links")
    crds("ExternalSecret")
    stack.write(provider(owner=name) + linkwarden(name, timeouts={"create": "4s"}))
    with ExternalSecrets(cluster.api, FIRST, name, after=600):
        result = stack.apply(fails=True)
    text = squeezed(" ".join(d.text for d in result.errors))
    assert f"Waiting for v1/Secret/{name}/{name}-app to be made" in text
    assert "SecretSyncedError: could not get secret data from provider" in text
    assert not cluster.has("apps/v1/Deployment", name, name)
    clear(stack, cluster, name)


# --- Certificates that an operator makes -----------------------------------------------------------


def test_a_certificate_of_an_issuer(stack, cluster, names, crds):
    """What cert-manager makes for an Ingress is its own: the plan is empty beside it, and another issuer is one change of the Ingress."""
    name = names("certified")
    crds("Certificate", "ClusterIssuer")

    def write(issuer: str) -> None:
        stack.write(provider(owner=name) + namespace(name) + service(
            name="web", image="registry.example/web:1", ports={"http": 8080}, wait="none",
            expose={"web": {"host": "web.example.org", "auth": "app", "auth_reason": "has users of its own",
                            "ingress": {"tls": {"issuer": issuer}}}}))

    def certificate():
        return cluster.get("cert-manager.io/v1/Certificate", name, "web-tls")

    with Certificates(cluster.api, name):
        write("letsencrypt-staging")
        stack.apply()
        cluster.api.eventually(lambda: cluster.has("Secret", name, "web-tls"), "the certificate's Secret")
        assert certificate()["spec"]["dnsNames"] == ["web.example.org"]
        assert not any("web-tls" in key for key in stack.state()[ADDRESS]["objects"])
        assert stack.plan().actions == {}

        write("letsencrypt")
        before = cluster.mark()
        stack.apply()
        assert [(r.method, r.path.split("/")[-2]) for r in cluster.writes(before)] == [("PATCH", "ingresses")]
        cluster.api.eventually(lambda: certificate()["spec"]["issuerRef"]["name"] == "letsencrypt", "the new issuer")
        assert stack.plan().actions == {}
    clear(stack, cluster, name)


# --- A3: a GPU, a device of the node, ports that are no HTTP ---------------------------------------

FRIGATE = {
    "image": "ghcr.io/blakeblackshear/frigate:0.17.0-beta1-tensorrt", "image_owner": "external",
    "gpu": {"count": 1, "memory_mib": 2300},
    "security_context": {"privileged": True},
    "ports": {
        "http": 5000,
        "rtsp": "8554/TCP,UDP",
        "webrtc": "8555/TCP,UDP",
    },
    "claims": {"config": {"mount": "/config", "size": "1Gi"}},
    "volumes": {
        "shm": {"mount": "/dev/shm", "empty_dir": {"medium": "Memory", "size_limit": "1Gi"}},
        "cache": {"mount": "/tmp/cache", "empty_dir": {"medium": "Memory", "size_limit": "512Mi"}},
        "dri": {"mount": "/dev/dri", "host_path": {"path": "/dev/dri", "type": "Directory"}},
    },
    "expose": {"l4": {"loadbalancer": {"ports": ["rtsp", "webrtc"], "address": "198.18.200.53",
                                       "external_traffic_policy": "Local"}}},
}


def frigate(name: str) -> str:
    return (provider(owner=name, gpu={"memory_resource": "example.org/gpumem"})
            + namespace(name, pod_security={"enforce": "privileged"}) + service(**FRIGATE))


def test_a_gpu_and_ports_that_are_no_http(stack, cluster, names):
    name = names("frigate")
    stack.write(frigate(name))
    stack.apply()
    pod = cluster.get("apps/v1/Deployment", name, name)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["resources"]["limits"] == {"nvidia.com/gpu": "1", "example.org/gpumem": "2300"}
    assert container["securityContext"] == {"privileged": True}
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    assert pod["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Equal", "value": "true", "effect": "NoSchedule"}]
    volumes = {v["name"]: v for v in pod["volumes"]}
    assert volumes["shm"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}
    assert volumes["cache"]["emptyDir"] == {"medium": "Memory", "sizeLimit": "512Mi"}
    assert volumes["dri"]["hostPath"] == {"path": "/dev/dri", "type": "Directory"}
    balancers = [s for s in cluster.api.list("Service", name) if s["spec"]["type"] == "LoadBalancer"]
    (balancer,) = balancers
    assert [(p["port"], p["protocol"]) for p in balancer["spec"]["ports"]] == [
        (8554, "TCP"), (8554, "UDP"), (8555, "TCP"), (8555, "UDP")]
    assert balancer["spec"]["externalTrafficPolicy"] == "Local"
    assert balancer["metadata"]["annotations"]["metallb.io/loadBalancerIPs"] == "198.18.200.53"
    # The load balancer's controller writes to it.
    cluster.api.patch("Service", name, balancer["metadata"]["name"],
                      {"metadata": {"annotations": {"metallb.io/ip-allocated-from-pool": "default"}}}, manager="controller")
    assert cluster.get("Service", name, balancer["metadata"]["name"])["status"]["loadBalancer"]["ingress"]
    stack.expect_empty()
    clear(stack, cluster, name)


@contextlib.contextmanager
def denying_privileged_pods(cluster, folder, name: str, container: str):
    """A webhook on the real server; on the sandbox, which calls none, what it would answer to all pods."""
    text = f"privileged container {container} is not allowed here"
    if cluster.kind == "sandbox":
        send = lambda method, path, body=None: cluster.api.send(method, f"/_sandbox/{path}", body)
        code, answer = send("POST", "mutations", {"id": "privileged", "kind": "Pod", "namespace": name, "deny": text})
        assert code in (200, 201), answer
        try:
            yield text
        finally:
            send("DELETE", "mutations/privileged")
        return

    def review(pod):
        for one in pod["spec"]["containers"]:
            if one.get("securityContext", {}).get("privileged"):
                return f"privileged container {one['name']} is not allowed here"
        return None

    probe = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "probe", "namespace": name}, "spec": {
        "containers": [{"name": "a", "image": "a", "securityContext": {"privileged": True}}]}}
    with Webhook("deny.privileged.example.org", review, folder / "webhook", name).on(cluster.api, probe):
        yield text


@pytest.mark.thorough("waits for a grace to end")
def test_a_webhook_that_refuses_the_pods_ends_the_wait_with_its_words(stack, cluster, names, folder):
    name = names("frigate")
    stack.write(provider(owner=name) + namespace(name, pod_security={"enforce": "privileged"}))
    stack.apply()
    stack.write(frigate(name))
    with denying_privileged_pods(cluster, folder, name, name) as text:
        result = stack.apply(fails=True)
    assert text in squeezed(" ".join(d.text for d in result.errors))
    assert result.seconds < 60, "within seconds, not at the time-out of ten minutes"
    objects = stack.state()[ADDRESS]["objects"]
    made = {key.split("/")[0] for key in objects}
    assert {"PersistentVolumeClaim", "Service"} <= made, objects
    assert "charon_tier_namespace.x" in stack.state()
    claim = cluster.get("PersistentVolumeClaim", name, f"{name}-config")
    # The policy makes an exception: the same objects go on.
    stack.apply()
    assert cluster.get("PersistentVolumeClaim", name, f"{name}-config")["metadata"]["uid"] == claim["metadata"]["uid"]
    clear(stack, cluster, name)


# --- A10: versions -----------------------------------------------------------------------------------


def without_nulls(value):
    """As a build wrote it that did not know the attributes that are not set."""
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


def rewritten_state(stack, change) -> None:
    path = stack.config / "terraform.tfstate"
    document = json.loads(path.read_text())
    for resource in document["resources"]:
        if resource["type"] == "charon_service":
            change(resource["instances"][0])
    document["serial"] += 1
    path.write_text(json.dumps(document))


def test_the_state_of_an_older_build_plans_nothing(stack, cluster, names):
    """A provider upgrade alone: the render version is the same, so is every byte (service_examples_test.py)."""
    name = names("app")
    stack.write(provider(owner=name) + namespace(name) + service(
        image="example.test/app:1", ports={"http": 8080}, files={"/etc/app.conf": {"content": "x"}}))
    stack.apply()
    generation = cluster.get("apps/v1/Deployment", name, name)["metadata"]["generation"]

    def older(instance):
        kept = without_nulls(instance["attributes"])
        assert len(kept) < len(instance["attributes"])
        instance["attributes"] = kept
        instance.pop("identity", None)
        instance.pop("identity_schema_version", None)

    rewritten_state(stack, older)
    stack.expect_empty()
    # Saying the version that it is anyway changes nothing.
    stack.write_file("main.tf", (stack.config / "main.tf").read_text().replace(
        "conventions = {", "conventions = {\n    render_version = 1", 1))
    stack.expect_empty()
    assert cluster.get("apps/v1/Deployment", name, name)["metadata"]["generation"] == generation
    stack.destroy()


def test_the_state_of_a_newer_build_is_refused(stack, cluster, names):
    name = names("app")
    stack.write(provider(owner=name) + namespace(name) + service(image="example.test/app:1"))
    stack.apply()
    before = (stack.config / "terraform.tfstate").read_text()

    def newer(instance):
        instance["schema_version"] += 1

    rewritten_state(stack, newer)
    text = " ".join(d.text for d in stack.plan(fails=True).errors)
    assert "newer provider version" in text and ADDRESS in text + str(stack.plan(fails=True).errors[0].address)
    assert cluster.has("apps/v1/Deployment", name, name)
    stack.write_file("terraform.tfstate", before)
    stack.destroy()
