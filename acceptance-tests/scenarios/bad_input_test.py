"""Bad input: each error says what is wrong, at which attribute, and what to do. Whole messages are compared, so
that sandbox and real server have to agree on them."""

import json
import re
import threading

import pytest

from harness import certificates, hcl, proxy
from harness.webhook import Webhook

pytestmark = pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it")

ADDRESS = "charon_kubernetes_manifest.x"


def manifest(object_, **more):
    text = object_ if isinstance(object_, str) else json.dumps(object_)
    return hcl.resource("charon_kubernetes_manifest", "x", {"manifest": text} | more)


def object_of(names, kind="ConfigMap", api="v1", name="x", namespace=True, **fields):
    metadata = {"name": name} | ({"namespace": names("work")} if namespace else {})
    return {"apiVersion": api, "kind": kind, "metadata": metadata} | fields


def deployment(names, container=(), pod=()):
    return object_of(names, "Deployment", "apps/v1", "web", spec={
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "main", "image": "registry.example/web:1"} | dict(container)]} | dict(pod),
        },
    })


def expect(diagnostic, summary, *paragraphs, attribute="manifest", address=ADDRESS):
    """The whole message, and where it points. A paragraph that is a pattern stands for what differs."""
    assert diagnostic.summary == summary, diagnostic
    found = diagnostic.detail.split("\n\n")
    assert len(found) == len(paragraphs), diagnostic
    for text, wanted in zip(found, paragraphs):
        if isinstance(wanted, re.Pattern):
            assert wanted.fullmatch(text), f"{text!r} is not {wanted.pattern}"
        else:
            assert text == wanted, diagnostic
    assert diagnostic.address == address and re.match(rf"{attribute}\s*=", diagnostic.code), diagnostic


def apply(stack):
    return stack.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))


# --- Found before anything is written ------------------------------------------------------------


def test_a_kind_that_no_version_has(stack, work, names):
    """v1 and apps are the server's own: no CRD of this run can bring the kind."""
    stack.write(manifest(object_of(names, "ConfigMpa")))
    expect(stack.plan(fails=True).error, "Unable to plan Kubernetes object",
           'No kind "ConfigMpa" in v1. Did you mean "ConfigMap"?', "Correct apiVersion and kind.")
    stack.write(manifest(object_of(names, "deployments")))
    expect(stack.plan(fails=True).error, "Unable to plan Kubernetes object",
           'No kind "deployments" in v1. Did you mean "Deployment" of apps/v1?', "Correct apiVersion and kind.")


def test_a_version_that_is_no_more(stack, work, names):
    stack.write(manifest(object_of(names, "Deployment", "apps/v1beta2")))
    expect(stack.plan(fails=True).error, "Unable to plan Kubernetes object",
           'No kind "Deployment" in apps/v1beta2; the server has it in apps/v1.',
           "Write a version that the server has: objects are the same in all of them. If the version is new, install the definition that has "
           "it first.")


def test_a_missing_namespace(stack, work, names):
    stack.write(manifest(object_of(names, namespace=False)))
    expect(stack.plan(fails=True).error, "Unable to plan Kubernetes object",
           "metadata.namespace is missing: a ConfigMap lives in a namespace.",
           "Name it in the manifest; no default is assumed.")


def test_a_namespace_too_much(stack, work, names):
    stack.write(manifest(object_of(names, "ClusterRole", "rbac.authorization.k8s.io/v1")))
    expect(stack.plan(fails=True).error, "Unable to plan Kubernetes object",
           "metadata.namespace is set, but a ClusterRole has no namespace.",
           "Remove it from the manifest.")


QUANTITY = (
    'limits.memory: "1 Gb" is no quantity: no space is allowed in it. Accepted is a number and one of n, u, m, k, M, G, T,'
    ' P, E (powers of 1000), Ki, Mi, Gi, Ti, Pi, Ei (powers of 1024), an exponent as in 5e3, or nothing: "500m", "1.5Gi".'
)


def test_a_quantity_that_is_none(stack, work, names):
    wrong = {"resources": {"limits": {"memory": "1 Gb"}}}
    stack.write(manifest(deployment(names, wrong)))
    place = ".spec.template.spec.containers[0].resources."
    # Without any server, as validate runs in CI.
    stack.environment["KUBE_CONFIG_PATH"] = "/nonexistent/kubeconfig"
    (diagnostic,) = stack.validate(fails=True)
    expect(diagnostic, "Invalid Kubernetes object", place + QUANTITY)
    # As an object, and among the values that count only at creation.
    stack.write(hcl.resource("charon_kubernetes_manifest", "x", {"object": deployment(names, wrong)}))
    expect(stack.plan(fails=True).error, "Invalid Kubernetes object", place + QUANTITY, attribute="object")
    initial = json.dumps({"spec": deployment(names, wrong)["spec"]})
    stack.write(manifest(deployment(names), initial=initial))
    expect(stack.plan(fails=True).error, "Invalid Kubernetes object", place + QUANTITY, attribute="initial")


def test_a_quantity_that_is_known_only_at_apply(stack, cluster, work, names):
    text = json.dumps(deployment(names, {"resources": {"limits": {"memory": "SIZE"}}}))
    stack.write(hcl.resource("terraform_data", "size", {"input": "1 Gb"}) + hcl.resource(
        "charon_kubernetes_manifest", "x",
        {"manifest": hcl.Expression(f'replace({hcl.quoted(text)}, "SIZE", terraform_data.size.output)')}))
    expect(apply(stack).error, "Invalid Kubernetes object",
           ".spec.template.spec.containers[0].resources." + QUANTITY)
    assert not cluster.has("Deployment", work, "web")


def test_a_tier_that_does_not_exist(stack, cluster, names):
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": names("n"), "tier": "egde"}))
    expect(stack.plan(fails=True).error, "Unable to plan tier namespace",
           'There is no tier "egde"; the tiers are 0-core, 1-cluster, 2-gpu, 3-edge, 4-aux.',
           "Use one of these, add it to conventions.tiers of the provider block, or make it with a charon_tier. If this"
           " configuration makes it, refer to it: tier = charon_tier.NAME.name.",
           attribute="tier", address="charon_tier_namespace.x")


def test_a_tier_with_the_short_name_of_another(stack, names):
    stack.write(hcl.resource("charon_tier", "x", {"name": "edge", "priority": 5}))
    expect(stack.plan(fails=True).error, "Unable to plan tier",
           '"edge" is the short name of the tier "3-edge", which every "tier" that says so means.',
           'Write "3-edge", or another name.', attribute="name", address="charon_tier.x")


def test_a_write_only_part_of_another_object(stack, names):
    stack.write(manifest(object_of(names, "Secret"), manifest_wo=json.dumps(object_of(names, "Secret", name="y", stringData={"a": "b"})),
                         manifest_wo_version="1"))
    expect(stack.plan(fails=True).error, "Invalid Kubernetes object",
           "Has another metadata.name than manifest, which says what object it is.",
           "Leave it out here: only what is to be in no state belongs here.", attribute="manifest_wo")


def test_a_secret_as_kubectl_keeps_it(stack, names):
    """`kubectl get -o yaml` of what `kubectl apply` made has all values once more, in an annotation."""
    secret = object_of(names, "Secret")
    secret["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps(secret | {"stringData": {"password": "s3cret"}})}
    stack.write(manifest(secret))
    plan = stack.plan(fails=True)
    expect(plan.error, "Invalid Kubernetes object",
           "Has the annotation kubectl.kubernetes.io/last-applied-configuration, in which kubectl apply puts the whole Secret: its"
           " values would be stored in Terraform's state in plain text.",
           "Remove it from the manifest: server-side apply has no use for it.")
    assert "s3cret" not in plan.error.text


TEXTS = {
    "tabs": ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n",
             "Line 4 is indented with a tab; YAML takes only spaces."),
    "two documents": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\n",
        "There are 2 documents (separated by ---) where one is expected; take them apart with manifest_decode_multi and use"
        " for_each."),
    "a list of objects": (
        json.dumps({"apiVersion": "v1", "kind": "List", "metadata": {"name": "x"}, "items": []}),
        "Is a List, which holds several objects.", "Use one resource for each, with for_each over manifest_decode_multi."),
    "no name": (
        json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "x-"}}),
        "The object has metadata.generateName and no metadata.name: the server would make a new object with a new name at"
        " each apply. Give it a name (random_id or uuidv5 make one that stays)."),
}


@pytest.mark.sandbox_only("no server is asked")
@pytest.mark.parametrize("what", TEXTS)
def test_a_text_that_is_not_one_object(stack, cluster, what):
    text, *paragraphs = TEXTS[what]
    stack.write(manifest(text))
    expect(stack.plan(fails=True).error, "Invalid Kubernetes object", *paragraphs)
    assert cluster.requests() == []


def test_a_field_that_the_kind_lacks(stack, work, names):
    stack.write(manifest(deployment(names, {"imge": "x"})))
    expect(stack.plan(fails=True).error, "Unable to plan Kubernetes object",
           f"Applying apps/v1/Deployment/{work}/web:"
           ' .spec.template.spec.containers[name="main"].imge: field not declared in schema.')


def test_several_causes_have_a_line_each(stack, work, names):
    """422: all that the server found at once."""
    stack.write(manifest(deployment(
        names, {"imagePullPolicy": "Sometimes", "ports": [{"containerPort": 70000}]}, {"restartPolicy": "Never"})))
    expect(stack.plan(fails=True).error, "Unable to plan Kubernetes object",
           f'Applying apps/v1/Deployment/{work}/web: Deployment.apps "web" is invalid:\n'
           "- spec.template.spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535,"
           " inclusive\n"
           '- spec.template.spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always",'
           ' "IfNotPresent", "Never"\n'
           '- spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always".')


def test_a_name_that_is_too_long(stack, work, names):
    long = "x" * 64
    stack.write(manifest(object_of(names, "Service", name=long, spec={"ports": [{"port": 80}]})))
    expect(stack.plan(fails=True).error, "Unable to plan Kubernetes object",
           f'Applying v1/Service/{work}/{long}: Service "{long}" is invalid: metadata.name: Invalid value: "{long}":'
           " must be no more than 63 characters.")
    # A type of ours knows it without the server.
    stack.environment["KUBE_CONFIG_PATH"] = "/nonexistent/kubeconfig"
    for type_, attributes in (("charon_tier_namespace", {"name": long}),
                              ("charon_secret", {"name": "x", "namespace": long})):
        stack.write(hcl.resource(type_, "x", attributes))
        (diagnostic,) = stack.validate(fails=True)
        expect(diagnostic, "Invalid tier namespace" if "tier" in type_ else "Invalid Secret",
               f'"{long}" is no DNS label: use 1 to 63 lower case letters, digits and "-", starting and ending with a letter'
               " or digit (it has 64 characters, 63 is the most).",
               attribute=list(attributes)[-1], address=f"{type_}.x")


def test_a_status_that_no_condition_has(stack, work, names):
    stack.write(manifest(object_of(names), wait={"conditions": {"Ready": "true"}}))
    (error,) = stack.validate(fails=True)
    assert 'Must be one of "True", "False", "Unknown", not "true"' in error.text and error.code.startswith("wait"), error


def test_data_sources_of_what_cannot_be(stack, cluster, work):
    """`optional` is about the object: v1 and apps are the server's own, and no CRD can bring a kind of theirs."""
    def of(version, kind, **more):
        return {"api_version": version, "kind": kind, "namespace": work} | more

    def write(sources):
        stack.write("".join(hcl.block(f'data "charon_kubernetes_object{"s" if "name" not in source else ""}" "{key}"', source)
                            for key, source in sources.items()))

    versions = {"future": "v7", "core": "core", "nonsense": "Nonsense Value!", "slashes": "apps/v1/deployments", "empty": ""}
    wrong = {key: of(version, "ConfigMap", name="x", optional=True) for key, version in versions.items()}
    write(wrong | {f"{key}s": of(version, "ConfigMap") for key, version in versions.items()})
    errors = stack.validate(fails=True)
    assert {(d.address.rpartition(".")[2], d.code.split()[0]) for d in errors} == {
        (key + s, "api_version") for key in versions for s in ("", "s")}, errors
    assert all('Must be "v1", or a group and a version such as "apps/v1"' in d.text for d in errors), errors

    write({"one": of("v1", "ConfigMpa", name="x", optional=True), "app": of("apps/v1", "Deploymnet", name="x", optional=True),
           "all": of("v1", "ConfigMpa"), "come": of("example.org/v1", "Thing", name="x", optional=True),
           "gone": of("v1", "ConfigMap", name="x", optional=True)})
    errors = stack.plan(fails=True).errors
    assert {(d.address.rpartition(".")[2], d.code.split()[0]) for d in errors} == {(key, "kind") for key in ("one", "app", "all")}, errors
    assert all('o kind "' in d.text for d in errors), errors

    write({"lost": of("v1", "ConfigMap", name="x")})
    (error,) = stack.plan(fails=True).errors
    assert error.code.startswith("name") and '"x" not found' in error.text and "set optional = true" in error.text, error


def test_what_cannot_be_imported_or_moved(stack, cluster, work):
    thing = {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "x", "namespace": work}}
    stack.write(manifest(thing) + hcl.block("import", {"to": hcl.Expression(ADDRESS), "id": f"example.org/v1/Thing/{work}/x"}))
    (error,) = stack.plan(fails=True).errors
    assert 'o kind "Thing" in example.org/v1' in error.text and "non-existent" not in error.text, error

    stack.write(hcl.resource("charon_secret", "x", {"name": "x", "namespace": work, "generate": {"a": {}}}))
    stack.apply()
    stack.write(hcl.resource("charon_kubernetes_manifest", "x", {
        "manifest": json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x", "namespace": work}})})
        + hcl.block("moved", {"from": hcl.Expression("charon_secret.x"), "to": hcl.Expression(ADDRESS)}))
    (error,) = stack.plan(fails=True).errors
    for piece in ("o way from charon_secret", "kubernetes_manifest, kubectl_manifest", "import the object", "destroy = false"):
        assert piece in error.text, error
    stack.write(hcl.resource("charon_secret", "x", {"name": "x", "namespace": work, "generate": {"a": {}}}))
    stack.destroy()


def test_a_value_that_would_mean_nothing(stack, cluster, work):
    wrong = {"kind": "uuid", "length": 40}
    stack.write(hcl.resource("charon_secret", "x", {"name": "x", "namespace": work, "generate": {"a": wrong, "b": {"kind": "uuid"}}})
                + hcl.block('ephemeral "charon_generated_secret" "x"', wrong)
                + hcl.resource("charon_service", "x", {"name": "x", "namespace": work, "image": "registry.example/a:1", "generated_secrets": {"a": wrong}}))
    errors = stack.validate(fails=True)
    assert sorted(d.address for d in errors) == ["charon_secret.x", "charon_service.x", "ephemeral.charon_generated_secret.x"], errors
    assert all('"length" means nothing with kind = "uuid": remove it' in d.text for d in errors), errors


# --- Found only at apply ---------------------------------------------------------------------------


def test_a_definition_that_is_not_there_at_apply(stack, cluster, work, names):
    """A CRD may come in the same run, so the plan says nothing."""
    stack.write(manifest(object_of(names, "Widget", f"{names('g')}.example.org/v1")))
    assert stack.plan().actions == {ADDRESS: "create"}
    group = f"{names('g')}.example.org"
    expect(apply(stack).error, "Unable to create Kubernetes object",
           f'Applying {group}/v1/Widget/{work}/x: no kind "Widget" in {group}/v1; is its CRD installed? The server has no API'
           f' group "{group}".',
           "Install the definition first (and let this object depend on it), or correct apiVersion and kind.")
    assert ADDRESS not in stack.state()


def test_a_namespace_that_is_not_there_at_apply(stack, cluster, names):
    """It may come in the same run, so the plan says nothing."""
    nowhere = names("nowhere")
    stack.write(manifest({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": nowhere}}))
    assert stack.plan().actions == {ADDRESS: "create"}
    expect(apply(stack).error, "Unable to create Kubernetes object",
           f'Applying v1/ConfigMap/{nowhere}/x: namespaces "{nowhere}" not found.',
           "Make it first with a charon_tier_namespace and refer to it (charon_tier_namespace.NAME.name), or correct the name.")


def test_an_object_that_exists(stack, cluster, work, names):
    """409 AlreadyExists: a warning in plan, since a destroy plans everything as well, and an error at apply."""
    cluster.api.create(object_of(names, data={"a": "theirs"}), manager="somebody")
    stack.write(manifest(object_of(names, data={"a": "ours"})))
    paragraphs = (
        re.compile(rf"v1/ConfigMap/{work}/x exists already, and is not this stack's: created \S+, managed by somebody\."),
        f'Import it (id v1/ConfigMap/{work}/x), or set on_conflict = "adopt" to take it over as it is, or "replace" to'
        " delete it first.")
    (warning,) = stack.plan().warnings
    expect(warning, "The apply will be unable to create this Kubernetes object", *paragraphs)
    expect(apply(stack).error, "Unable to create Kubernetes object", *paragraphs)
    stack.destroy()
    assert cluster.get("ConfigMap", work, "x")["data"] == {"a": "theirs"}


def test_a_field_that_another_manager_owns(stack, cluster, work, names):
    """409 Conflict over a field: a warning in plan, an error at apply."""
    stack.write(manifest(object_of(names, data={"a": "1"})))
    stack.apply(checked=False)
    cluster.api.patch("ConfigMap", work, "x", {"data": {"b": "theirs"}}, manager="kubectl-edit")
    stack.write(manifest(object_of(names, data={"a": "1", "b": "ours"})))
    paragraphs = (f"Applying v1/ConfigMap/{work}/x: other field managers own what the configuration sets:\n"
                  "- .data.b belongs to kubectl-edit.",
                  'Leave the field out if the other should own it, give it in "initial" to set it only at creation,'
                  " or take it over with force_conflicts = true.")
    (warning,) = stack.plan().warnings
    expect(warning, "Another manager owns a field", *paragraphs)
    expect(apply(stack).error, "Unable to update Kubernetes object", *paragraphs)
    assert cluster.get("ConfigMap", work, "x")["data"] == {"a": "1", "b": "theirs"}
    stack.destroy()


def test_somebody_who_writes_all_the_time(stack, cluster, work, names):
    """409 Conflict over the version of the object, again and again."""
    front = cluster.proxy()
    stack.environment["KUBE_CONFIG_PATH"] = str(front.kubeconfig)
    message = 'Operation cannot be fulfilled on configmaps "x": the object has been modified'
    front.on(lambda e: e.is_write, proxy.Answer(409, "Conflict", message), None)
    stack.write(manifest(object_of(names)))
    expect(apply(stack).error, "Unable to create Kubernetes object", f"Applying v1/ConfigMap/{work}/x: {message}.",
           "Somebody else writes to it at the same time: it was tried 5 times. Apply again; `kubectl get -o yaml"
           " --show-managed-fields` tells who.")
    assert len(front.writes()) == 5


def test_a_webhook_that_does_not_answer(stack, cluster, work, names):
    """The plan says so, and goes on checking what the webhook has no part in."""
    front = cluster.proxy()
    stack.environment["KUBE_CONFIG_PATH"] = str(front.kubeconfig)
    message = ('Internal error occurred: failed calling webhook "validate.example.org": failed to call webhook: Post'
               ' "https://policy.example.svc:443/validate?timeout=10s": context deadline exceeded')
    front.on(proxy.matching("PATCH", ".*/configmaps/x"), proxy.Answer(500, "InternalError", message), None)
    paragraphs = (f"Applying v1/ConfigMap/{work}/x: {message}.",
                  "The webhook's server, not this object, is at fault: see that its pods run and that the API server reaches"
                  " them. The webhook is one of `kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations`.")
    stack.write(manifest(object_of(names)))
    plan = stack.plan("-parallelism=1")
    (warning,) = plan.warnings
    expect(warning, "The plan could not be checked", *paragraphs)
    expect(apply(stack).error, "Unable to create Kubernetes object", *paragraphs)
    assert ADDRESS not in stack.state()
    other = object_of(names, name="y", daata={})
    stack.write(manifest(object_of(names))
                + hcl.resource("charon_kubernetes_manifest", "y", {"manifest": json.dumps(other)},
                               "depends_on = [charon_kubernetes_manifest.x]"))
    plan = stack.plan(fails=True)
    assert plan.error.address == "charon_kubernetes_manifest.y" and plan.says(".daata"), plan


@pytest.mark.real_only("calls the webhook itself")
def test_a_webhook_that_takes_too_long(stack, cluster, work, names, folder):
    answered = threading.Event()
    slow = Webhook("slow.example.org", lambda _: answered.wait(30) and None, folder / "webhook", work, ("configmaps",), seconds=1)
    with slow.on(cluster.api, object_of(names, name="probe")):
        stack.write(manifest(object_of(names)))
        paragraphs = (re.compile(rf'Applying v1/ConfigMap/{work}/x: Internal error occurred: failed calling webhook "slow.example.org": .*'
                                 r"context deadline exceeded\."),
                      "The webhook's server, not this object, is at fault: see that its pods run and that the API server reaches"
                      " them. The webhook is one of `kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations`.")
        (warning,) = stack.plan().warnings
        expect(warning, "The plan could not be checked", *paragraphs)
        expect(apply(stack).error, "Unable to create Kubernetes object", *paragraphs)
        answered.set()
    assert ADDRESS not in stack.state()
    stack.apply()
    stack.destroy()


def test_a_server_that_hangs_in_the_plan(stack, cluster, work, names):
    """What the plan could not check is a warning: nothing is wrong with the configuration."""
    front = cluster.proxy()
    stack.environment["KUBE_CONFIG_PATH"] = str(front.kubeconfig)
    front.on(proxy.matching("PATCH", ".*/configmaps/x"), proxy.Hang(), None)
    stack.write(manifest(object_of(names), timeouts={"read": "1s"}))
    (warning,) = stack.plan().warnings
    assert warning.summary == "The cluster cannot be asked", warning
    assert warning.detail == ("It did not check the plan, and the apply will fail unless that changes before: the dry run of"
                              f" v1/ConfigMap/{work}/x: the time-out was reached."), warning
    front.reset()
    stack.apply()
    stack.destroy()


TIER_ROWS = {
    "a prefix that is none": {"resource_quota": {"request.cpu": "4"}},
    "storage without requests": {"resource_quota": {"storage": "4Gi"}},
    "limits of hugepages": {"resource_quota": {"limits.hugepages-2Mi": "4Mi"}},
    "half a pod": {"resource_quota": {"pods": "1500m"}},
    "half an object": {"resource_quota": {"count/jobs.batch": "1500m"}},
    "half a device": {"resource_quota": {"example.com/gpu": "1500m"}},
    "a quota": {"resource_quota": {
        "cpu": "1500m", "requests.cpu": "1500m", "limits.memory": "1Gi", "requests.storage": "1Gi", "pods": "1k", "services.nodeports": "0",
        "requests.ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi", "requests.hugepages-2Mi": "4Mi", "count/jobs.batch": "5",
        "requests.example.com/gpu": "1", "gold.storageclass.storage.k8s.io/requests.storage": "1Gi"}},
    "a resource of quotas": {"limit_range": {"max": {"requests.cpu": "1"}}},
    "storage of a container": {"limit_range": {"default": {"storage": "1Gi"}}},
    "default above max": {"limit_range": {"default": {"memory": "2Gi"}, "max": {"memory": "1024Mi"}}},
    "request above default": {"limit_range": {"defaultRequest": {"cpu": "200m"}, "default": {"cpu": "0.1"}}},
    "request above max": {"limit_range": {"defaultRequest": {"cpu": "2"}, "max": {"cpu": "1"}}},
    "min above request": {"limit_range": {"min": {"cpu": "2"}, "defaultRequest": {"cpu": "1"}}},
    "min above default": {"limit_range": {"min": {"cpu": "2"}, "default": {"cpu": "1"}}},
    "min above max": {"limit_range": {"min": {"cpu": "2"}, "max": {"cpu": "1"}}},
    "limits": {"limit_range": {
        "min": {"cpu": "1", "hugepages-2Mi": "2Mi"}, "defaultRequest": {"cpu": "1000m", "memory": "1Gi"}, "default": {"cpu": "1", "memory": "1024Mi"},
        "max": {"cpu": "1", "ephemeral-storage": "1Gi", "example.com/gpu": "1"}}},
} | {f"version {version}": {"pod_security": {"version": version}}
     for version in ("latest", "v1.36", "v1.0", "1.36", "v1.036", "v1.36.0", "v2.0", "v1.")}


@pytest.mark.real_only("the sandbox does not judge these")
def test_what_a_tier_says_is_judged_as_the_server_does(stack, cluster, work, names):
    """Offline, where it is written down: a tier's namespaces come later."""
    def taken(row):
        (attribute, value), = row.items()
        labels = {f"pod-security.kubernetes.io/enforce-{key}": text for key, text in value.items()}
        kind, namespace, rest = {
            "resource_quota": ("ResourceQuota", work, {"spec": {"hard": value}}),
            "limit_range": ("LimitRange", work, {"spec": {"limits": [{"type": "Container"} | value]}}),
            "pod_security": ("Namespace", None, {"metadata": {"labels": labels}}),
        }[attribute]
        object_ = {"apiVersion": "v1", "kind": kind} | rest
        object_.setdefault("metadata", {})["name"] = names("x")
        code, _ = cluster.api.send("POST", f"{cluster.api.resource(kind).path(namespace)}?dryRun=All", object_)
        return code < 300

    def written(number, row):
        if "pod_security" in row:
            return hcl.resource("charon_tier_namespace", f"t{number}", {"name": f"t{number}"} | row)
        return hcl.resource("charon_tier", f"t{number}", {"name": f"t{number}", "priority": 1} | row)

    stack.write("".join(written(number, row) for number, row in enumerate(TIER_ROWS.values())))
    refused = {d.address.rpartition(".")[2] for d in stack.validate(fails=True)}
    assert {what: f"t{number}" not in refused for number, what in enumerate(TIER_ROWS)} == {
        what: taken(row) for what, row in TIER_ROWS.items()}


# --- Ways to the server that do not lead there ------------------------------------------------------


@pytest.fixture
def way(stack, cluster, work, names):
    """way(user, ...) writes a kubeconfig and returns the error of an apply with it, and the kubeconfig's description."""
    def go(user, answers=False, **options):
        path = cluster.kubeconfig_for(user, name="way", **options)
        stack.environment["KUBE_CONFIG_PATH"] = str(path)
        stack.write(manifest(object_of(names)) + hcl.resource(
            "charon_kubernetes_manifest", "y", {"manifest": json.dumps(object_of(names, name="y"))}))
        connection = f'context "charon-test", user "charon-test" of {path}'
        # What cannot be asked now is no reason against a plan, but is said, once. An account that may only read is none
        # that cannot be asked.
        plan = stack.plan()
        assert set(plan.actions.values()) == {"create"}
        warnings = [(w.summary, connection in w.text) for w in plan.warnings]
        assert warnings == ([] if answers else [("The cluster cannot be asked", True)]), plan
        stack.write(manifest(object_of(names)))
        error = apply(stack).error
        assert ADDRESS not in stack.state()
        return error, connection

    return go


def test_an_unreachable_server(way, cluster, work):
    front = cluster.proxy()
    url = front.url
    front.stop()
    error, connection = way({"token": "t"}, server=url, ca=front.ca)
    host = url.removeprefix("https://")
    expect(error, "Unable to create Kubernetes object",
           re.compile(re.escape(f"Applying v1/ConfigMap/{work}/x: {connection}: cannot connect to {host}: Connection refused"
                                " (tried 5 times in ") + r"[\d.]+m?s\)\."),
           "Check the address, and whether the server runs.")


def test_the_wrong_authority(way, cluster, work):
    other = certificates.Authority("somebody else")
    error, connection = way({"token": cluster.token}, ca=other.pem)
    path = connection.rpartition(" ")[2]
    host = cluster.server.removeprefix("https://")
    expect(error, "Unable to create Kubernetes object",
           re.compile(re.escape(f"Applying v1/ConfigMap/{work}/x: {connection}: the certificate of {host} (CN=") + "[a-z-]+"
                      + re.escape(') is signed by "CN=') + "[a-zA-Z -]+" + re.escape(
                          '", which is not the CA in certificate-authority-data of cluster "charon-test" in ' + path + ".")),
           "If this is the right server, configure the CA that signed its certificate.")


def test_an_expired_certificate(way, cluster, work, folder):
    front = cluster.proxy()
    authority = certificates.Authority()
    expired = authority.issue(not_before=-2 * certificates.DAY, not_after=-certificates.DAY)
    front._client_context = certificates.server_context(expired, folder, "expired")
    error, connection = way({"token": cluster.token}, server=front.url, ca=authority.pem)
    host = front.url.removeprefix("https://")
    expect(error, "Unable to create Kubernetes object",
           re.compile(re.escape(f"Applying v1/ConfigMap/{work}/x: {connection}: the certificate of {host} (CN=localhost)"
                                " expired on ") + r"\d{4}-\d\d-\d\d \d\d:\d\d UTC\."),
           "Renew the certificate on the server; if it is newer than that, correct this machine's clock.")


def test_credentials_that_are_refused(way, cluster, work):
    """401"""
    error, connection = way({"token": "wrong"})
    expect(error, "Unable to create Kubernetes object",
           f"Applying v1/ConfigMap/{work}/x: the cluster at {cluster.server} refused the credentials of {connection} (401:"
           " Unauthorized).",
           "The token may have expired or been revoked, or belong to another cluster.")


def test_a_right_that_is_missing(way, cluster, work, stack, names):
    """403: who lacks which verb on which resource in which namespace."""
    error, _ = way({"token": cluster.powerless_token}, answers=True)
    user = re.search(r'User "([^"]+)"', error.detail)[1]
    expect(error, "Unable to create Kubernetes object",
           f'Applying v1/ConfigMap/{work}/x: configmaps "x" is forbidden: User "{user}" cannot patch resource "configmaps" in'
           f' API group "" in the namespace "{work}".',
           f'Bind a Role to "{user}" that has the verb "patch" on configmaps, and "create", since an apply may be either. To'
           f" see what it may do: kubectl auth can-i --list --namespace {work} --as {user}")
    stack.write(hcl.resource("charon_tier_namespace", "x", {"name": names("n")}))
    result = apply(stack)
    expect(result.error, "Unable to create tier namespace",
           f'Applying v1/Namespace/{names("n")}: namespaces "{names("n")}" is forbidden: User "{user}" cannot patch resource'
           f' "namespaces" in API group "" in the namespace "{names("n")}".',
           f'Bind a ClusterRole to "{user}" that has the verb "patch" on namespaces, and "create", since an apply may be'
           f" either. To see what it may do: kubectl auth can-i --list --as {user}",
           attribute="name", address="charon_tier_namespace.x")


def test_names_that_are_paths_to_something_else(stack, cluster, work):
    """A name of ".." would be the path of the namespace, "a/b" that of a subresource."""
    def config_map(name, **metadata):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": work} | metadata}

    wrong = {"dots": config_map(".."), "slash": config_map("a/b"), "through": config_map("a/../b"), "percent": config_map("a%2Fb"),
             "namespace": config_map("x", namespace="a/b"), "mark": config_map("x", annotations={"charon.internal/owner": "me"})}
    stack.write("".join(hcl.resource("charon_kubernetes_manifest", key, {"manifest": json.dumps(m)}) for key, m in wrong.items())
                + hcl.resource("charon_kubernetes_manifest", "number", {"object": hcl.Expression(
                    f'merge(jsondecode({hcl.quoted(json.dumps(config_map("x")))}), {{ big = {{ c = 184467440737095516150 }} }})')}))
    errors = {d.address.rpartition(".")[2]: d.text for d in stack.validate(fails=True)}
    assert errors.keys() == wrong.keys() | {"number"}, errors
    assert '"a/../b", which names nothing' in errors["through"] and "metadata.namespace" in errors["namespace"]
    assert "which the provider writes itself" in errors["mark"] and "64 bits" in errors["number"]
    stack.write("".join(hcl.block(f'data "charon_kubernetes_object" "{key}"', {
        "api_version": "v1", "kind": "ConfigMap", "name": name, "namespace": namespace, "optional": True,
    }) for key, (name, namespace) in {"name": ("..", work), "namespace": ("x", "..")}.items()))
    errors = stack.plan(fails=True).errors
    assert {(d.address.rpartition(".")[2], d.code.split()[0]) for d in errors} == {("name", "name"), ("namespace", "namespace")}, errors


def test_questions_that_cannot_be_asked(stack, cluster, work):
    asked = {
        "none": ("object", {"api_version": "v1", "kind": "ConfigMap", "name": "x"}, "namespace", "Set `namespace`."),
        "needless": ("object", {"api_version": "v1", "kind": "Namespace", "name": work, "namespace": work}, "namespace", "Leave `namespace` out."),
        "labels": ("objects", {"api_version": "v1", "kind": "Pod", "namespace": work, "label_selector": "a in (b"}, "label_selector", "as kubectl's -l"),
        "fields": ("objects", {"api_version": "v1", "kind": "Pod", "namespace": work, "field_selector": "spec.unheard=of"}, "field_selector",
                   "as kubectl's --field-selector"),
    }
    stack.write("".join(hcl.block(f'data "charon_kubernetes_{kind}" "{key}"', of) for key, (kind, of, _, _) in asked.items()))
    errors = {d.address.rpartition(".")[2]: d for d in stack.plan(fails=True).errors}
    assert errors.keys() == asked.keys(), errors
    for key, (_, _, attribute, says) in asked.items():
        told = errors[key]
        where = "data" if key == "none" else attribute  # what is not written has no line
        assert says in told.text and told.code.startswith(where), (key, told)
        assert attribute != "namespace" or "metadata" not in told.text, told
