"""kubectl with the sandbox: it does and says what it does and says with a real server.

Every command runs against both. Exit codes and texts have to be the same but for ages, addresses and
random names; on top of that each test says what matters.
"""

import concurrent.futures
import difflib
import json
import re
import secrets
import subprocess

import pytest
import yaml

from charon_servers import builds


class Result:
    """What a command said to a user of the sandbox."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err

    @property
    def json(self):
        return json.loads(self.out)


def comparable(text):
    """`text` without what differs from one cluster and second to the next."""
    for pattern, instead in (
        (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UID"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(Z| \+0000 UTC)", "TIME"),
        (r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}", "TIME"),
        (r"https?://(127\.0\.0\.1|localhost):\d+", "SERVER"),
        (r"\b(10|127|172|192|198)\.\d+\.\d+\.\d+\b", "ADDRESS"),
        (r"-[bcdfghjklmnpqrstvwxz2456789]{8,10}(-[bcdfghjklmnpqrstvwxz2456789]{5})?\b", "-HASH"),
        (r"-[bcdfghjklmnpqrstvwxz2456789]{5}\b", "-HASH"),
        (r"(template-hash=)\w+", r"\1HASH"),
        (r"resourceVersion: .*|Resource Version: .*", "VERSION"),
        (r"\bnode-[123]\b", "NODE"),
        (r"\btest-[123]\b", "ZONE"),
        (r"80:\d{5}/TCP", "80:PORT/TCP"),
        (r"\b(\d+[smhd])+( \(x\d+ over \d+[smhd]\))?(?=\s|$)|<invalid>", "AGE"),
        (r"[ \t]+", " "),
        (r" +\n", "\n"),
    ):
        text = re.sub(pattern, instead, text)
    return text


def assert_alike(real, sandbox, what):
    difference = list(difflib.unified_diff(
        comparable(real).splitlines(), comparable(sandbox).splitlines(), "real", "sandbox", lineterm=""))
    assert not difference, "\n".join([what, *difference])


class Kubectl:
    def __init__(self, both, namespace, folder):
        self._both, self.namespace, self._folder = both, namespace, folder
        self._program = builds.built("kubernetes") / "kubectl"

    def run(self, which, *arguments, stdin=None):
        home = self._folder / which  # kubectl caches discovery below it
        home.mkdir(exist_ok=True)
        environment = {"KUBECONFIG": str(self._both.kubeconfigs[which]), "HOME": str(home),
                       "PATH": "/usr/bin:/bin"}
        done = subprocess.run([self._program, "-n", self.namespace, *arguments], env=environment,
                              input=stdin, capture_output=True, text=True, timeout=60)
        return Result(done.returncode, done.stdout, done.stderr)

    def run_both(self, *arguments, stdin=None):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            return pool.map(lambda which: self.run(which, *arguments, stdin=stdin), ("real", "sandbox"))

    def __call__(self, *arguments, stdin=None, code=0, same=True):
        """Runs it against both. `same`: whether the texts have to be."""
        if isinstance(stdin, (dict, list)):
            stdin = "\n".join(map(json.dumps, [stdin] if isinstance(stdin, dict) else stdin))
        real, sandbox = self.run_both(*arguments, stdin=stdin)
        said = f"kubectl {' '.join(arguments)}\n{sandbox.out}{sandbox.err}"
        assert (real.code, sandbox.code) == (code, code), f"{said}\nreal:\n{real.out}{real.err}"
        if same:
            assert_alike(real.out, sandbox.out, f"kubectl {' '.join(arguments)}")
            assert_alike(real.err, sandbox.err, f"kubectl {' '.join(arguments)}")
        return sandbox


@pytest.fixture
def kubectl(both, tmp_path):
    namespace = f"kubectl-{secrets.token_hex(3)}"
    made = Kubectl(both, namespace, tmp_path)
    made("create", "-f", "-", stdin=manifest("v1", "Namespace", namespace))
    yield made
    for which in both.kubeconfigs:
        made.run(which, "delete", "namespace", namespace, "--wait=false")


def manifest(version, kind, name, metadata=None, **rest):
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **(metadata or {})}, **rest}


def config_map(name="settings", labels=None, **data):
    return manifest("v1", "ConfigMap", name, {"labels": labels} if labels else {}, data=data)


def deployment(name="web", replicas=2, image="example.test/web:1", annotations=None):
    return manifest("apps/v1", "Deployment", name, spec={
        "replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name},
                                  **({"annotations": annotations} if annotations else {})},
                     "spec": {"containers": [{
                         "name": "web", "image": image, "ports": [{"containerPort": 80}],
                         "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}},
                         "env": [{"name": "A", "value": "b"}]}]}}})


def service(name="web", **spec):
    return manifest("v1", "Service", name, spec={"selector": {"app": "web"},
                                                 "ports": [{"port": 80}], **spec})


def apply(kubectl, *objects, manager="tests", code=0, more=()):
    return kubectl("apply", "--server-side", f"--field-manager={manager}", *more, "-f", "-",
                   stdin=list(objects), code=code)


def rolled_out(kubectl, name="deployment/web"):
    # What it says on the way depends on the moment.
    assert "successfully rolled out" in kubectl("rollout", "status", name, "--timeout=30s",
                                                same=False).out


# --- apply --server-side ------------------------------------------------------------------------


def test_apply_creates_changes_and_takes_away(kubectl):
    assert apply(kubectl, config_map(a="1", b="2")).out == "configmap/settings serverside-applied\n"
    version = kubectl("get", "cm", "settings", "-o=jsonpath={.metadata.resourceVersion}",
                      same=False).out
    apply(kubectl, config_map(a="1", b="2"))
    assert kubectl("get", "cm", "settings", "-o=jsonpath={.metadata.resourceVersion}",
                   same=False).out == version
    apply(kubectl, config_map(a="3"))
    assert kubectl("get", "cm", "settings", "-o=jsonpath={.data}").out == '{"a":"3"}'


def test_apply_tells_of_conflicts_and_forces(kubectl):
    apply(kubectl, config_map(a="1"))
    refused = apply(kubectl, config_map(a="2"), manager="other", code=1)
    assert 'conflict with "tests": .data.a' in refused.err
    apply(kubectl, config_map(a="2"), manager="other", more=["--force-conflicts"])
    shown = kubectl("get", "cm", "settings", "-o=yaml", "--show-managed-fields", same=False).out
    owners = {entry["manager"]: entry["fieldsV1"]
              for entry in yaml.safe_load(shown)["metadata"]["managedFields"]}
    assert "f:a" in owners["other"]["f:data"] and "f:data" not in owners.get("tests", {})


def test_apply_only_tries(kubectl):
    tried = apply(kubectl, config_map(a="1"), more=["--dry-run=server", "-o=yaml"])
    assert yaml.safe_load(tried.out)["data"] == {"a": "1"}
    kubectl("get", "cm", "settings", code=1)


def test_apply_refuses_unknown_fields(kubectl):
    wrong = config_map(a="1")
    wrong["dta"] = {}
    apply(kubectl, wrong, code=1)
    unheard_of = manifest("example.test/v1", "Nothing", "n")
    assert 'no matches for kind "Nothing"' in apply(kubectl, unheard_of, code=1).err


def test_apply_of_several_and_diff(kubectl):
    apply(kubectl, deployment(), service(), config_map(a="1"))
    kubectl("diff", "--server-side", "--field-manager=tests", "-f", "-",
            stdin=[deployment(), service(), config_map(a="1")])
    shown = kubectl("diff", "--server-side", "--field-manager=tests", "-f", "-",
                    stdin=config_map(a="2"), code=1, same=False)
    assert "-  a: \"1\"\n+  a: \"2\"" in shown.out


def test_apply_of_a_list(kubectl):
    both = {"apiVersion": "v1", "kind": "List", "items": [deployment(), config_map(a="1")]}
    assert apply(kubectl, both).out.count("serverside-applied") == 2
    both["items"][1]["dta"] = {}
    # A real server describes all kinds in OpenAPI v2 too, by which kubectl finds this by itself.
    assert "dta" in kubectl("apply", "--server-side", "-f", "-", stdin=both, code=1, same=False).err


def test_client_side_apply(kubectl):
    kubectl("apply", "-f", "-", stdin=deployment())
    assert kubectl("apply", "-f", "-", stdin=deployment()).out == "deployment.apps/web unchanged\n"
    changed = kubectl("apply", "-f", "-", stdin=deployment(image="example.test/web:2"))
    assert changed.out == "deployment.apps/web configured\n"
    rolled_out(kubectl)
    assert kubectl("get", "deploy", "web", "-o=jsonpath={..image}").out == "example.test/web:2"


# --- get ----------------------------------------------------------------------------------------


def test_get_as_table(kubectl):
    apply(kubectl, deployment(), service(), service("lb", type="LoadBalancer"), config_map(a="1"))
    rolled_out(kubectl)
    kubectl("wait", "service/lb", "--for=jsonpath={.status.loadBalancer.ingress}", "--timeout=30s")
    row = kubectl("get", "deployment").out.splitlines()
    assert row[0].split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row[1].split()[:4] == ["web", "2/2", "2", "2"]
    assert kubectl("get", "nodes").out.count(" Ready ") == 3
    for what in ("pods", "replicasets", "services", "configmaps,secrets", "namespaces",
                 "serviceaccounts", "storageclasses", "priorityclasses"):
        kubectl("get", what, same=what not in ("namespaces", "storageclasses"))
    for form in (["-o", "wide"], ["-o", "name"], ["--show-labels"], ["--no-headers"],
                 ["-o", "custom-columns=N:.metadata.name,R:.spec.replicas"], ["-L", "app"]):
        kubectl("get", "deployments,services", *form)
    assert kubectl("get", "all", "-o", "name").out.count("pod/") == 2


def test_get_chooses(kubectl):
    apply(kubectl, *[config_map(f"c{i}", {"n": str(i)}) for i in range(5)])
    assert kubectl("get", "cm", "-l", "n in (1,3)", "-o", "name").out == "configmap/c1\nconfigmap/c3\n"
    assert kubectl("get", "cm", "--field-selector", "metadata.name=c2", "-o", "name").out \
        == "configmap/c2\n"
    assert kubectl("get", "cm", "--chunk-size=2", "-o", "name").out.count("\n") == 6
    kubectl("get", "cm", "--sort-by={.metadata.labels.n}")
    kubectl("get", "cm", "c1", "missing", code=1)
    kubectl("get", "cm", "missing", "--ignore-not-found")
    kubectl("get", "nonsense", code=1)
    assert kubectl("get", "cm", "-l", "n=9").err.startswith("No resources found")


def test_get_in_full(kubectl):
    apply(kubectl, deployment())
    rolled_out(kubectl)
    assert kubectl("get", "deploy/web", "-o=json", same=False).json["status"]["readyReplicas"] == 2
    shown = yaml.safe_load(kubectl("get", "deploy/web", "-o=yaml", same=False).out)
    assert "managedFields" not in shown["metadata"]
    assert kubectl("get", "deploy/web", "--subresource=scale", "-o=jsonpath={.spec.replicas}").out == "2"


# --- wait ---------------------------------------------------------------------------------------


def test_wait(kubectl):
    apply(kubectl, deployment())
    waited = kubectl("wait", "deployment/web", "--for=condition=Available", "--timeout=30s")
    assert waited.out == "deployment.apps/web condition met\n"
    kubectl("wait", "pod", "-l", "app=web", "--for=condition=Ready", "--timeout=30s")
    kubectl("wait", "deployment/web", "--for=jsonpath={.status.readyReplicas}=2", "--timeout=30s")
    kubectl("wait", "deployment/missing", "--for=condition=Available", "--timeout=1s", code=1)
    apply(kubectl, deployment("never", 1, annotations={"test/never-ready": ""}))
    assert "timed out waiting for the condition on deployments/never" in kubectl(
        "wait", "deployment/never", "--for=condition=Available", "--timeout=1s", code=1,
        same=False).err


def test_wait_for_what_comes_and_goes(kubectl):
    apply(kubectl, config_map("held"))
    kubectl("wait", "cm/held", "--for=create", "--timeout=10s")
    kubectl("patch", "cm/held", "--type=merge",
            "-p", '{"metadata":{"finalizers":["example.test/hold"]}}')
    kubectl("delete", "cm/held", "--wait=false")
    assert "timed out waiting for the condition on configmaps/held" in kubectl(
        "wait", "cm/held", "--for=delete", "--timeout=1s", code=1, same=False).err
    kubectl("patch", "cm/held", "--type=json", "-p", '[{"op":"remove","path":"/metadata/finalizers"}]')
    kubectl("wait", "cm/held", "--for=delete", "--timeout=10s")


# --- delete -------------------------------------------------------------------------------------


def test_delete(kubectl):
    apply(kubectl, deployment(), service(), *[config_map(f"c{i}", {"sweep": "me"}) for i in range(2)])
    rolled_out(kubectl)
    assert kubectl("delete", "cm", "-l", "sweep=me").out.count("deleted") == 2
    kubectl("delete", "cm", "c0", code=1)
    kubectl("delete", "cm", "c0", "--ignore-not-found")
    kubectl("delete", "deployment/web", "--dry-run=server")
    kubectl("get", "deployment/web", "-o=name")
    kubectl("delete", "--cascade=foreground", "-f", "-", stdin=[deployment(), service()])
    assert kubectl("get", "deploy,rs,pod,svc").out == ""


def test_delete_leaves_orphans(kubectl):
    apply(kubectl, deployment())
    rolled_out(kubectl)
    kubectl("delete", "deployment/web", "--cascade=orphan")
    assert kubectl("get", "rs", "-o=name").out.startswith("replicaset.apps/web-")
    kubectl("delete", "rs", "-l", "app=web", same=False)


def test_delete_a_namespace(kubectl):
    apply(kubectl, config_map(a="1"))
    kubectl("delete", "namespace", kubectl.namespace, "--timeout=30s")
    kubectl("get", "namespace", kubectl.namespace, code=1)


# --- describe and the rest ----------------------------------------------------------------------


def without_events(text):
    """kwok's and the sandbox's events come in an order of their own."""
    return re.sub(r"(?ms)^Events:.*?(?=^\S|\Z)", "", text)


def described(kubectl, *arguments):
    shown = list(kubectl.run_both("describe", *arguments))
    assert [one.code for one in shown] == [0, 0], shown[1].err
    assert_alike(*(without_events(one.out) for one in shown), f"describe {' '.join(arguments)}")
    return shown[1].out


def test_describe_workloads(kubectl):
    apply(kubectl, deployment(), service())
    rolled_out(kubectl)
    shown = described(kubectl, "deployment", "web")
    assert "2 desired | 2 updated | 2 total | 2 available" in shown
    assert "ScalingReplicaSet" in shown
    assert "Endpoints:" in described(kubectl, "service", "web")
    described(kubectl, "replicasets", "-l", "app=web")
    assert described(kubectl, "pods", "-l", "app=web").count("Ready:          True") == 2
    apply(kubectl, manifest("v1", "Pod", "alone", spec={"containers": [
        {"name": "a", "image": "example.test/a:1"}]}))
    kubectl("wait", "pod/alone", "--for=condition=Ready", "--timeout=30s")
    assert "Successfully assigned" in described(kubectl, "pod", "alone")
    crashing = deployment("crash", 1, annotations={"test/crash-loop": "true"})
    apply(kubectl, crashing)
    kubectl("wait", "pod", "-l", "app=crash", "--timeout=30s", "--for=jsonpath="
            "{.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff")
    assert "CrashLoopBackOff" in described(kubectl, "pods", "-l", "app=crash")


def test_describe_the_rest(kubectl):
    apply(kubectl, config_map(a="1"), manifest("v1", "Secret", "s", stringData={"k": "v"}),
          manifest("v1", "ResourceQuota", "q", spec={"hard": {"configmaps": "5"}}),
          manifest("v1", "LimitRange", "l", spec={"limits": [
              {"type": "Container", "default": {"cpu": "1"}}]}),
          manifest("v1", "PersistentVolumeClaim", "c", spec={
              "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}),
          manifest("networking.k8s.io/v1", "NetworkPolicy", "n", spec={"podSelector": {}}),
          manifest("rbac.authorization.k8s.io/v1", "Role", "r", rules=[
              {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]))
    kubectl("wait", "pvc/c", "--for=jsonpath={.status.phase}=Bound", "--timeout=30s")
    kubectl("wait", "quota/q", "--for=jsonpath={.status.used}", "--timeout=30s")
    for what in ("configmap/settings", "secret/s", "limitrange/l", "pvc/c", "networkpolicy/n", "role/r"):
        described(kubectl, what)
    assert re.search(r"configmaps +2 +5", described(kubectl, "quota/q"))
    assert kubectl.namespace in described(kubectl, "namespace", kubectl.namespace)
    assert "Allocated resources" in kubectl("describe", "node", "node-1", same=False).out
    kubectl("describe", "cm", "missing", code=1)


def test_custom_resources(kubectl):
    group = f"{kubectl.namespace}.example.test"
    definition = manifest("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"memos.{group}", spec={
        "group": group, "scope": "Namespaced",
        "names": {"plural": "memos", "singular": "memo", "kind": "Memo", "shortNames": ["mm"]},
        "versions": [{"name": "v1", "served": True, "storage": True, "additionalPrinterColumns": [
            {"name": "Text", "type": "string", "jsonPath": ".spec.text"}],
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {
                "type": "object", "properties": {"text": {"type": "string"}}}}}}}]})
    apply(kubectl, definition)
    try:
        kubectl("wait", f"crd/memos.{group}", "--for=condition=Established", "--timeout=30s")
        apply(kubectl, manifest(f"{group}/v1", "Memo", "m", spec={"text": "Tea."}))
        assert kubectl("get", f"memos.{group}").out.splitlines()[1].split()[:2] == ["m", "Tea."]
        assert "Tea." in kubectl("describe", f"mm.{group}", "m", same=False).out
        kubectl("delete", f"memo.{group}", "m")
    finally:
        kubectl("delete", "crd", f"memos.{group}")


def test_the_rest(kubectl):
    apply(kubectl, deployment())
    rolled_out(kubectl)
    kubectl("scale", "deployment/web", "--replicas=1")
    rolled_out(kubectl)
    kubectl("rollout", "restart", "deployment/web")
    rolled_out(kubectl)
    kubectl("label", "deployment/web", "tier=front")
    kubectl("annotate", "deployment/web", "example.test/note=x")
    kubectl("set", "image", "deployment/web", "web=example.test/web:9")
    rolled_out(kubectl)
    kubectl("rollout", "history", "deployment/web")
    kubectl("rollout", "undo", "deployment/web")
    rolled_out(kubectl)
    assert kubectl("get", "deploy/web", "-o=jsonpath={..image}").out == "example.test/web:1"
    assert "FIELD: replicas <integer>" in kubectl("explain", "deployment.spec.replicas", same=False).out
    kubectl("version", same=False)
    kubectl("cluster-info", same=False)
    kubectl("api-resources", "--api-group=apps", "--no-headers")
    kubectl("events", "--for=deployment/web", same=False)
    assert kubectl("logs", "deployment/missing", code=1).err
