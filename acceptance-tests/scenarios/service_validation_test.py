"""What is wrong with a charon_service is said before the apply: where, what, and what to do."""

import json

import pytest

from harness import hcl
from harness.cli import squeezed

pytestmark = pytest.mark.one_cli("about the provider and the server; where programs differ, lifecycle_test.py and examples_test.py meet it")


def service(**attributes) -> str:
    smallest = {"namespace": "shop", "name": "web", "image": "example.test/web:1"}
    return hcl.resource("charon_service", "x", smallest | attributes)


# What is configured, the attribute that the error points at (a line of the configuration), and pieces of its text.
WRONG = {
    "an environment variable from two sources": (
        {"env": {"DATABASE_URL": "x"}, "env_secret": {"DATABASE_URL": "db/url"}},
        ['the environment variable "DATABASE_URL" of container web is given by "env" as well', "keep one"]),
    "an environment variable that is generated as well": (
        {"env_from": {"fields": {"TOKEN": "metadata.name"}}, "generated_secrets": {"TOKEN": {"length": 32}}},
        ['"TOKEN" of container web is given by "env_from.fields" as well', "keep one"]),
    "two volumes on one path": (
        {"volumes": {"a": {"mount": "/data", "empty_dir": {}}, "b": {"mount": "/data", "empty_dir": {}}}},
        ['"/data" of container web is the place of volume "a" already', "cannot be mounted on one path"]),
    "one key of two Secrets that become variables": (
        {"secrets": {key: {"store": "vault", "values": {"TOKEN": f"{key}#token"}} for key in ("a", "b")}, "env_from": {"secrets": ["a", "b"]}},
        ['the environment variable "TOKEN" of container web is in the Secrets "a" and "b"', "keep one"]),
    "a file where a volume is": (
        {"volumes": {"a": {"mount": "/etc/x", "empty_dir": {}}}, "files": {"/etc/x": {"content": "1"}}},
        ['"/etc/x" of container web is the place of volume "a" already']),
    "a port name that is too long": (
        {"ports": {"metrics-and-health": 9090}}, ["metrics-and-health", "15"]),
    "a probe on an unknown port": (
        {"ports": {"http": 8080}, "probes": {"liveness": {"http_get": "/", "request": {"port": "htpp"}}}},
        ['container web has no port "htpp"; it has "http"']),
    "a probe that could mean two ports": (
        {"ports": {"web": 8080, "admin": 9090}, "probes": {"liveness": {"http_get": "/"}}},
        ['which port of container web? it has "admin", "web"', "Name the port here"]),
    "a request that nobody makes": (
        {"ports": {"http": 8080}, "probes": {"liveness": {"exec": ["true"], "request": {"port": "http"}}}},
        ["probes.liveness.request", "neither http_get nor grpc"]),
    "no authentication, and no reason": (
        {"ports": {"http": 8080}, "expose": {"web": {"host": "a.example.org", "auth": "none"}}},
        ["auth_reason", "none"]),
    "no authentication, and a reason that says nothing": (
        {"ports": {"http": 8080}, "expose": {"web": {"host": "a.example.org", "auth": "none", "auth_reason": "  "}}},
        ["auth_reason", "it must be said why"]),
    "a volume where the backups have their target": (
        {"claims": {"data": {"mount": "/backup", "size": "1Gi"}, "target": {"size": "1Gi"}},
         "backups": {"nightly": {"schedule": "0 3 * * *", "to": "target", "command": ["true"]}}},
        ["claims[\"data\"].mount", '"/backup" is where the jobs of "backups" have their target', "take another one here"]),
    "a variable of a backup from two sources": (
        {"claims": {"target": {"size": "1Gi"}}, "backups": {"nightly": {
            "schedule": "0 3 * * *", "to": "target", "command": ["true"], "env": {"A": "1"}, "env_secret": {"A": "db/a"}}}},
        ['the environment variable "A" of the backup is given by "env" as well', "keep one"]),
    "the number of a backup's copies, said twice": (
        {"claims": {"target": {"size": "1Gi"}}, "backups": {"nightly": {
            "schedule": "0 3 * * *", "to": "target", "command": ["true"], "keep": 7, "env": {"KEEP": "3"}}}},
        ['the environment variable "KEEP" of the backup is given by "keep" as well', "keep one"]),
    "a port that is none": (
        {"ports": {"wg": "51820/udp"}}, ['ports["wg"]', '"51820/udp" must be a port from 1 to 65535', '"51820/UDP"']),
    "a login for a load balancer": (
        {"ports": {"wg": "51820/UDP"}, "expose": {"wg": {"auth": "required", "loadbalancer": {}}}},
        ['"auth" makes no sense beside "loadbalancer"']),
    "a volume of one node under several replicas that roll": (
        {"replicas": 2, "rollout": {"strategy": "RollingUpdate"}, "claims": {"data": {"mount": "/data", "size": "1Gi"}}},
        ["a ReadWriteOnce claim is only on one node at a time, but there are 2 replicas",
         "ReadWriteMany", "per_replica = true", "kubernetes.io/hostname", 'rollout.strategy = "Recreate"']),
    "a volume of one node under several replicas of a set": (
        {"kind": "statefulset", "replicas": 2, "claims": {"data": {"mount": "/data", "size": "1Gi"}}},
        ["but there are 2 replicas, which RollingUpdate starts wherever there is room",
         "ReadWriteMany", "per_replica = true, which gives each pod a claim of its own", "one replica"]),
    "a volume of one node and a rolling update": (
        {"rollout": {"strategy": "RollingUpdate"}, "claims": {"data": {"mount": "/data", "size": "1Gi"}}},
        ['RollingUpdate starts the new pod while the old one holds the ReadWriteOnce claim of volume "data"',
         'rollout.strategy = "Recreate"', 'max_surge = "0"', "per_replica = true"]),
    "one place, written in two ways": (
        {"volumes": {"a": {"mount": "/data", "empty_dir": {}}, "b": {"mount": "/data/", "empty_dir": {}}}},
        ['"/data/" of container web is the place of volume "a" already']),
    "a write-only variable that a literal one would hide": (
        {"env": {"TOKEN": "x"}, "env_wo": {"TOKEN": "y"}, "env_wo_version": "1"},
        ['env_wo["TOKEN"]', 'is given by "env" as well', "keep one"]),
    "a Secret of two makers": (
        {"secrets": {"generated": {"store": "vault", "extract": "x"}}, "generated_secrets": {"TOKEN": {}}},
        ['secrets["generated"]', 'the Secret web-generated is that of "generated_secrets" already', "Take another key"]),
    "a Secret of nothing": (
        {"secrets": {"db": {"store": "vault"}}}, ['secrets["db"]', 'there is neither "extract" nor "values"']),
    "a command where a host is to be": (
        {"wait_for": ["$(reboot):1"]}, ['"$(reboot):1" must be "host:port"']),
    "a toleration of no taint, beside backups": (
        {"scheduling": {"tolerations": [{"value": ""}]}, "claims": {"target": {"size": "1Gi"}},
         "backups": {"night": {"schedule": "@daily", "command": ["save"], "to": "target"}}},
        ["scheduling.tolerations[0].value", 'there is no "key"', "tolerate every taint"]),
    "a surge beyond all numbers": (
        {"rollout": {"max_surge": "99999999999999999999"}}, ["rollout.max_surge", "must be a number such as"]),
    "a partition of a Deployment": (
        {"rollout": {"partition": 1}}, ["rollout.partition", "a Deployment has no such setting, only StatefulSet have"]),
    "a StatefulSet that is recreated": (
        {"kind": "statefulset", "rollout": {"strategy": "Recreate"}},
        ["rollout.strategy", "a StatefulSet has no strategy Recreate, only RollingUpdate and OnDelete"]),
    "bytes that are none": (
        {"files": {"/etc/logo": {"content_base64": "not base64!"}}},
        ['files["/etc/logo"].content_base64', "is no base64", "filebase64"]),
    "a file at the root": (
        {"files": {"/": {"content": "x"}}}, ['files["/"]', "is the root of the container's files, and no file", "/etc/app/app.conf"]),
    "a directory at the root": (
        {"config_dirs": {"//": {"files": {"a": "x"}}}}, ['config_dirs["//"]', "is the root of the container's files"]),
    "a patch that is no map": (
        {"extra_manifest_patch": "just a text"}, ["must be a map of fields", "yamlencode"]),
    "a patch that cannot be read": (
        {"extra_manifest_patch": "spec: {"}, ["Line 1", "yamlencode"]),
    "a patch of what no service has": (
        {"extra_manifest_patch": "kind: Pod"}, ['services have no objects of kind "Pod"', "Leave the kind out for the workload", "service_manifests"]),
    "a patch of a Secret's values": (
        {"generated_secrets": {"TOKEN": {}}, "extra_manifest_patch": "spec: {}\n---\nkind: Secret\nstringData: { TOKEN: x }"},
        ["document 2", "the values of a Secret are not a patch's", "env_wo", "charon_secret"]),
    "a patch of the replicas that an autoscaler has": (
        {"replicas_owner": "external", "extra_manifest_patch": "spec: { replicas: 3 }"},
        ['the patch sets spec.replicas, which replicas_owner = "external" leaves to somebody else',
         "Take it out of the patch", 'replicas_owner = "terraform"']),
    "a patch of the replicas that a scaler to zero has": (
        {"scale_to_zero": {}, "extra_manifest_patch": "spec: { replicas: 3 }"},
        ["the patch sets spec.replicas, which scale_to_zero leaves to somebody else", "leave scale_to_zero out"]),
    "a patch of the image that an updater has": (
        {"image_owner": "external",
         "extra_manifest_patch": "spec: { template: { spec: { containers: [{ name: web, image: example.test/web:2 }] } } }"},
        ['the patch sets spec.template.spec.containers[name="web"].image, which image_owner = "external"',
         "Take it out of the patch", 'image_owner = "terraform"']),
    "a patch of the resources that an autoscaler has": (
        {"sidecars": {"log": {"image": "example.test/log:1", "resources_owner": "external"}},
         "extra_manifest_patch": "spec: { template: { spec: { containers: [{ name: log, resources: { limits: { cpu: 1 } } }] } } }"},
        ['sets spec.template.spec.containers[name="log"].resources.limits, which sidecars["log"].resources_owner = "external"',
         'set sidecars["log"].resources_owner = "terraform"']),
    "a backup to a volume that is no claim": (
        {"volumes": {"share": {"mount": "/s", "nfs": {"path": "/x", "server": "192.0.2.1"}}},
         "backups": {"night": {"schedule": "@daily", "command": ["save"], "to": "share"}}},
        ['backups["night"].to', '"share" is a key of "volumes"', 'The claim of that volume is "web-share"']),
    "a DaemonSet that sleeps": (
        {"kind": "daemonset", "scale_to_zero": {}}, ["a DaemonSet has a pod on every node", "Leave scale_to_zero out"]),
}


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.parametrize("what", WRONG)
def test_the_message(stack, cluster, what):
    attributes, pieces = WRONG[what]
    stack.write(service(**attributes))
    found = stack.validate(fails=True)
    # Each points at a line of its own, not at where the resource begins.
    assert any(all(piece.lower() in d.text.lower() for piece in pieces) and not d.code.startswith("resource ") for d in found), found


@pytest.mark.sandbox_only("asks no server")
def test_a_patch_that_only_the_plan_knows(stack, cluster):
    """To `validate` a variable is unknown."""
    stack.write('variable "patch" {\n  default = "spec: { replicas: 3 }"\n}\n'
                + service(replicas_owner="external", extra_manifest_patch=hcl.Expression("var.patch")))
    assert stack.validate() == []
    (error,) = stack.plan(fails=True).errors
    assert "The patch sets spec.replicas" in error.text and "replicas_owner" in error.text, error
    assert error.code.startswith("extra_manifest_patch"), error


# Conventions, and each error: its path and pieces of its text.
CONVENTIONS = {
    "keys of objects, at every depth": (
        {"onwer": "x", "colour": "red", "ingress": {"contoller": "nginx", "auth_modes": {"app": {"middleware": []}}},
         "tiers": {"own": {"prioritty": 1}}, "sizes": {"small": {"limit": {"cpu": "1"}}}},
        {"conventions.onwer": ['There is no "onwer" here', 'Did you mean "owner"?'],
         "conventions.colour": ['There is no "colour" here', "There are: default_labels, domain, gpu, ingress, "],
         "conventions.ingress.contoller": ['Did you mean "controller"?'],
         'conventions.ingress.auth_modes["app"].middleware': ['Did you mean "middlewares"?'],
         'conventions.tiers["own"].prioritty': ['Did you mean "priority"?'],
         'conventions.sizes["small"].limit': ['Did you mean "limits"?']}),
    "values of another type": (
        {"owner": ["x"], "render_version": "newest", "storage_classes": {"fast": {}}, "ingress": "nginx"},
        {"conventions.owner": ["String is required, but this is an array"], "conventions.render_version": ["number"],
         'conventions.storage_classes["fast"]': ["String is required, but this is an object"],
         "conventions.ingress": ["Object is required, but this is a string"]}),
    "keys and values that the table checks": (
        {"ingress": {"auth_modes": {"reqired": {"middlewares": ["a"]}}, "middlewares": {"ratelimit": "a"}}, "owner": "my stack"},
        {'conventions.ingress.auth_modes["reqired"]': ["reqired", "required", "public"],
         'conventions.ingress.middlewares["ratelimit"]': ["ratelimit", "rate-limit", "error-pages"],
         "conventions.owner": ["my stack"]}),
}


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.parametrize("syntax", ["hcl", "json"])
@pytest.mark.parametrize("what", CONVENTIONS)
def test_wrong_conventions_are_named(stack, cluster, what, syntax):
    conventions, expected = CONVENTIONS[what]
    if syntax == "hcl":
        stack.write(hcl.block('provider "charon"', {"conventions": conventions}) + service())
    else:
        stack.write(service())
        stack.write_file("provider.tf.json", json.dumps({"provider": {"charon": {"conventions": conventions}}}))
    found = stack.validate(fails=True)
    assert len(found) == len(expected), found
    for path, pieces in expected.items():
        (text,) = [d.text for d in found if f"{path}: " in d.text]
        assert all(piece in text for piece in pieces), text
    assert all("conventions" in d.code for d in found), found


@pytest.mark.sandbox_only("asks no server")
def test_conventions_may_be_written_in_any_way(stack, cluster):
    """What Terraform's own conversion takes is taken: variables without a type, merged maps, numbers as text, null."""
    stack.write('variable "more" {\n  default = { domain = "example.org", default_labels = { cost-center = 7 } }\n}\n'
                + hcl.block('provider "charon"', {"conventions": hcl.Expression(
                    'merge(var.more, tomap({ owner = "x", nfs_server = null }), { render_version = "1", tiers = {} })')})
                + service())
    assert stack.validate() == []


@pytest.mark.sandbox_only("asks no server")
@pytest.mark.parametrize("version, remedy", [(3, "newer version of the provider"), (0, "Leave it out"), (-1, "Leave it out")])
def test_a_render_version_that_there_is_not_is_explained(stack, cluster, version, remedy):
    manifests = hcl.Expression(f'provider::charon::service_manifests({{ namespace = "a", image = "b" }}, {{ render_version = {version} }})')
    stack.write(hcl.block('provider "charon"', {"conventions": {"render_version": version}}) + service() + hcl.block('output "x"', {"value": manifests}))
    found = [squeezed(d.text) for d in stack.validate(fails=True)]
    assert len(found) == 2 and any("conventions.render_version: " in text for text in found), found
    for text in found:
        assert "render_version" in text and f"s {version}, but this build of the provider renders versions 1 to 2" in text
        assert remedy in text


def namespace(cluster, name: str, **labels: str) -> None:
    cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})


@pytest.mark.sandbox_only("asks no server")
def test_two_entries_that_take_the_same_requests(stack, cluster):
    entry = {"host": "app", "auth": "none", "auth_reason": "a test"}
    stack.write(hcl.block('provider "charon"', {"plan_checks": "off", "conventions": {"domain": "example.org"}})
                + service(ports={"http": 8080}, expose={"api": entry | {"paths": ["/api", "/"]}, "web": entry | {"host": "app.example.org"}}))
    (error,) = stack.plan(fails=True).errors
    assert 'Requests to app.example.org/ are those of expose["api"] already' in error.text and "make one entry of the two" in error.text, error
    assert 'expose["web"]: ' in error.text and error.code.startswith("expose"), error


# Values that are known only in the apply.
LATER = 'resource "terraform_data" "later" {\n  input = "registry.example.org/app:1"\n}\n'
UNKNOWN = {
    "an image": {"image": hcl.Expression("terraform_data.later.output")},
    "a variable": {"env": {"ID": hcl.Expression("terraform_data.later.id")}},
    "a label": {"labels": {"run": hcl.Expression("substr(terraform_data.later.id, 0, 8)")}},
    "a label of the pods": {"pod": {"labels": {"run": hcl.Expression("substr(terraform_data.later.id, 0, 8)")}}},
}


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_is_known_is_checked_beside_what_is_not(stack, cluster, names, what):
    name, unknown = names("work"), UNKNOWN[what]
    namespace(cluster, name)
    cluster.api.create({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": name},
                        "spec": {"ports": [{"port": 80}], "selector": {"app": "theirs"}}})
    provider = hcl.block('provider "charon"', {"conventions": {"domain": "example.org", "ingress": {"controller": "nginx"}}})

    def write(**attributes) -> None:
        stack.write(LATER + provider + service(**{"namespace": name} | unknown | attributes))

    # What the configuration alone tells.
    write(ports={"a": "8080", "b": "8081"}, service={"ports": {"a": 80, "b": 80}}, scale_to_zero={}, expose={"web": {"port": "a"}})
    found = stack.plan(fails=True)
    for pieces in (["The Service's port 80/TCP is taken by ports"], ["Nothing says how the platform asks for a login"], ["Only Traefik wakes"]):
        assert found.says(*pieces), found
    # What the server tells of the objects that are known.
    if what != "a label":
        write(ports={"http": "8080"})
        (warning,) = stack.plan().warnings
        assert f"Service/{name}/web exists already" in warning.text, warning
    # The pods of another workload, of the cluster and of this plan.
    taken = {"selector": {"tier": "one"}}
    stack.write(LATER + provider + service(**{"namespace": name} | taken | unknown)
                + hcl.resource("charon_service", "y", {"namespace": name, "name": "other", "image": "example.test/web:1"} | taken))
    found = stack.plan(fails=True)
    assert found.says("This plan's Deployment", "each would take the other's pods"), found
    write(resources={"requests": {"memory": "900Ti"}})
    assert [w.summary for w in stack.plan().warnings] == ["The pods will not fit"]

    # And what is right is no fault.
    write(ports={"http": "8080"}, service={"name": "web-internal"})
    stack.apply()
    stack.expect_empty()
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


def test_a_changed_claim_template_is_explained_and_loses_nothing(stack, cluster, names):
    name = names("db")
    namespace(cluster, name)
    cluster.api.apply({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": names("fast")},
        "provisioner": cluster.get("StorageClass", None, "standard")["provisioner"],
        "reclaimPolicy": "Delete", "volumeBindingMode": "Immediate",
    })

    def write(**claim) -> None:
        stack.write(service(
            namespace=name, name="db", kind="statefulset",
            claims={"data": {"mount": "/data", "per_replica": True, "size": "1Gi"} | claim}))

    write()
    stack.apply()
    claim = cluster.get("PersistentVolumeClaim", name, "data-db-0")
    (pod,) = cluster.api.list("Pod", name)
    write(storage_class=names("fast"), autoresize="5Gi")
    plan = stack.plan()
    warnings = [d.text for d in plan.diagnostics if "Existing claims stay as they are" in d.summary]
    for attribute, text in zip(("storage_class", "autoresize"), warnings, strict=True):
        assert f'the claims of volume "data" that exist keep their {attribute}' in text
        assert "No data is touched" in text
    stack.apply()
    after = cluster.get("PersistentVolumeClaim", name, "data-db-0")
    assert after["metadata"]["uid"] == claim["metadata"]["uid"]
    assert [p["metadata"]["uid"] for p in cluster.api.list("Pod", name)] == [pod["metadata"]["uid"]]
    live = cluster.get("StatefulSet", name, "db")
    (template,) = live["spec"]["volumeClaimTemplates"]
    assert template["spec"]["storageClassName"] == names("fast")
    assert template["metadata"]["annotations"]["resize.topolvm.io/storage_limit"] == "5Gi"
    stack.destroy()
    assert cluster.has("PersistentVolumeClaim", name, "data-db-0")
    cluster.api.delete("Namespace", None, name)
    cluster.api.delete("StorageClass", None, names("fast"))


def test_a_changed_class_of_a_plain_claim_is_refused(stack, cluster, names):
    name = names("app")
    namespace(cluster, name)
    claims = {"data": {"mount": "/data", "size": "1Gi"}}
    stack.write(service(namespace=name, claims=claims))
    stack.apply()
    claim = cluster.get("PersistentVolumeClaim", name, "web-data")
    claims["data"]["storage_class"] = "standard-wait"
    stack.write(service(namespace=name, claims=claims))
    (error,) = stack.plan(fails=True).errors
    assert "The storage_class of an existing claim cannot change, and making it anew would lose its data" in error.text
    assert 'Add a second claim with the new storage_class, copy the data over, then remove claim "data"' in error.text
    assert cluster.get("PersistentVolumeClaim", name, "web-data")["metadata"]["uid"] == claim["metadata"]["uid"]
    cluster.api.delete("Namespace", None, name)


@pytest.mark.thorough("waits for a grace to end")
def test_privileged_where_the_namespace_forbids_it_names_the_container(stack, cluster, names):
    """Pod security admission judges pods, not the workloads that make them."""
    name = names("strict")
    namespace(cluster, name, **{"pod-security.kubernetes.io/enforce": "baseline"})
    stack.write(service(namespace=name, sidecars={"vpn": {"security_context": {"privileged": True}}}))
    (warning,) = [d for d in stack.plan().diagnostics if d.summary == "The pods will be refused"]
    assert 'violates PodSecurity "baseline:latest": privileged (container "vpn" must not set' in squeezed(warning.text)
    assert name in warning.text and "sidecars" in warning.code
    result = stack.apply(fails=True)
    text = squeezed(" ".join(d.text for d in result.errors))
    assert 'violates PodSecurity "baseline:latest": privileged (container "vpn" must not set securityContext.privileged=true)' in text
    assert result.seconds < 60, "the wait ends when the pods are refused, not at its timeout"
    # What was made is known, so that the corrected configuration goes on from there.
    assert stack.state()["charon_service.x"]["objects"]
    stack.write(service(namespace=name, sidecars={"vpn": {"command": ["sleep", "infinity"]}}))
    stack.apply()
    stack.destroy()
    cluster.api.delete("Namespace", None, name)


# What a service has, the attribute that the warning points at, and what it says.
AGAINST_BASELINE = {
    "a privileged container": (
        {"sidecars": {"vpn": {"security_context": {"privileged": True}}}}, "sidecars", 'container "vpn" is privileged'),
    "a privileged init container": (
        {"init_containers": [{"name": "sysctl", "security_context": {"privileged": True}}]}, "init_containers", 'container "sysctl" is privileged'),
    "the node's network": ({"pod": {"host_network": True}}, "pod", "the pods have hostNetwork"),
    "a path of the node": (
        {"volumes": {"dev": {"mount": "/dev/dri", "host_path": {"path": "/dev/dri"}}}}, "volumes", 'volume "dev" is a path of the node'),
}


@pytest.mark.parametrize("what", AGAINST_BASELINE)
def test_pods_that_a_namespace_of_the_same_run_forbids(stack, cluster, names, what):
    """The namespace is not there yet, so the server cannot be asked; of the pods that it would take, nothing is said."""
    attributes, root, text = AGAINST_BASELINE[what]
    name = names("strict")

    def warnings(**security: str) -> list:
        place = hcl.resource("charon_tier_namespace", "here", {"name": name, "on_conflict": "adopt"} | ({"pod_security": security} if security else {}))
        stack.write(place + service(namespace=hcl.Expression("charon_tier_namespace.here.name"), **attributes))
        return [d for d in stack.plan().diagnostics if d.summary == "The pods will be refused"]

    (warning,) = warnings(enforce="baseline")
    assert text in warning.text and 'level "baseline" that this plan gives it' in squeezed(warning.text), warning
    assert warning.code.startswith(root), warning
    assert not warnings() and not warnings(enforce="privileged") and not warnings(warn="restricted")
    # Nor of one that is to be allowed by this run.
    namespace(cluster, name, **{"pod-security.kubernetes.io/enforce": "restricted"})
    assert not warnings(enforce="privileged")
    cluster.api.delete("Namespace", None, name)


def test_two_workloads_that_would_take_each_others_pods(stack, cluster, names):
    name = names("shop")
    namespace(cluster, name)
    pod = {"containers": [{"name": "a", "image": "example.test/a:1"}]}
    labels = {"app": "web", "track": "canary"}
    cluster.api.create({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "canary", "namespace": name},
        "spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": pod}},
    })
    stack.write(service(namespace=name))
    (error,) = stack.plan(fails=True).errors
    assert (f'Deployment "canary" of namespace {name} has pods with the labels app=web,track=canary, which this'
            " service's selector (app=web) matches") in error.text
    assert "Give this service a selector of its own" in error.text
    stack.write(service(namespace=name, selector={"app.kubernetes.io/instance": "web"}))
    stack.apply()
    # Another service of the same configuration.
    stack.write(service(namespace=name, selector={"app.kubernetes.io/instance": "web"})
                + hcl.resource("charon_service", "y", {
                    "namespace": name, "name": "api", "image": "example.test/api:1",
                    "selector": {"app.kubernetes.io/instance": "web"}}))
    (error,) = stack.plan(fails=True).errors
    assert 'Deployment "web"' in error.text
    stack.write(service(namespace=name, selector={"app.kubernetes.io/instance": "web"}))
    stack.destroy()
    # Two that one run would make.
    both = service(namespace=name, selector={"app": "x"}) + hcl.resource("charon_service", "y", {
        "namespace": name, "name": "api", "image": "example.test/api:1", "selector": {"app": "x"}})
    stack.write(both)
    (error,) = stack.plan(fails=True).errors
    assert "This plan's Deployment" in error.text and "Give this service a selector of its own" in error.text
    # Two of one name: what is not named is named as its namespace.
    stack.write(service(namespace=name, name=None) + hcl.resource("charon_service", "y", {
        "namespace": name, "image": "example.test/api:1"}))
    (error,) = stack.plan(fails=True).errors
    assert f'amespace {name} has two services "{name}" in this configuration' in error.text and "Give one of them another name" in error.text
    cluster.api.delete("Namespace", None, name)


# What Kubernetes alone refuses, the attribute that the error points at, and pieces of its text.
REFUSED = {
    "resources that are above their limits": (
        {"resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}}, "resources",
        ["resources.requests", "must be less than or equal to memory limit"]),
    "an amount of a sidecar that is none": (
        {"sidecars": {"side": {"resources": {"limits": {"cpu": "much"}}}}}, "sidecars", ["sidecars", "quantit"]),
    "a path of a volume that leads out of it": (
        {"claims": {"data": {"mount": "/data", "sub_path": "../x", "size": "1Gi"}}}, "claims", ['claims["data"].sub_path', "'..'"]),
    "two names of one port": (
        {"ports": {"a": "8080", "b": "8080"}}, "ports", ["8080"]),
    "a host that is none": (
        {"ports": {"http": 8080}, "expose": {"web": {"host": "a_b.example.org", "auth": "none", "auth_reason": "a test"}}}, "expose", ["a_b.example.org"]),
    "a size below zero": (
        {"claims": {"data": {"mount": "/data", "size": "-1Gi"}}}, "claims", ["-1Gi"]),
    "a class that is no name": (
        {"claims": {"data": {"mount": "/data", "size": "1Gi", "storage_class": "No Name"}}}, "claims", ['claims["data"]', "No Name"]),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_kubernetes_refuses_is_told_at_the_attribute(stack, cluster, names, what):
    name = names("refused")
    namespace(cluster, name)
    attributes, root, pieces = REFUSED[what]
    stack.write(service(namespace=name, **attributes))
    found = stack.plan(fails=True).errors
    assert any(all(piece in d.text for piece in pieces) and d.code.startswith(root) for d in found), found
    cluster.api.delete("Namespace", None, name)


def test_all_that_kubernetes_refuses_is_told_at_its_attribute(stack, cluster, names):
    """What it finds in one object at once is an error each; what has no attribute is one more."""
    name = names("refused")
    namespace(cluster, name)
    wrong = {
        "resources": {"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}},
        "claims": {"data": {"mount": "/data", "sub_path": "../x", "size": "1Gi"}},
        "sidecars": {"side": {"image": "example.test/side:1", "resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}},
    }
    expected = {"resources": ["resources.requests", "must be less than or equal to memory limit"],
                "claims": ['claims["data"].sub_path', "'..'"],
                "sidecars": ['sidecars["side"].resources', "must be less than or equal to cpu limit"]}

    stack.write(service(namespace=name, **wrong))
    found = stack.plan(fails=True).errors
    assert len(found) == len(expected), found
    for root, pieces in expected.items():
        (error,) = [d for d in found if d.code.startswith(root)]
        assert error.summary == "Unable to plan service" and all(piece in error.text for piece in pieces), error
        # Each says its own, and no more.
        assert not any(other[-1] in error.text for key, other in expected.items() if key != root), error
    # In the server's order: containers as they are in the pod.
    said = [next(root for root in expected if d.code.startswith(root)) for d in found]
    assert said.index("resources") < said.index("sidecars"), said
    cluster.api.delete("Namespace", None, name)


def test_what_is_refused_of_two_objects_is_in_one_plan(stack, cluster, names):
    name = names("refused")
    namespace(cluster, name)
    stack.write(service(namespace=name, resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}},
                        claims={"data": {"mount": "/data", "size": "1Gi", "storage_class": "No Name"}}))
    found = stack.plan(fails=True).errors
    # The claim is made before the workload.
    assert [d.code.split()[0] for d in found] == ["claims", "resources"], found
    assert "No Name" in found[0].text and "must be less than or equal to memory limit" in found[1].text, found
    cluster.api.delete("Namespace", None, name)


@pytest.mark.sandbox_only("asks no server")
def test_a_size_that_the_platform_does_not_have(stack, cluster):
    provider = 'provider "charon" {\n  conventions = { sizes = { small = { requests = { cpu = "1m" } } } }\n}\n'
    stack.write(provider + service(resources={"size": "huge"}))
    (error,) = stack.plan(fails=True).errors
    assert 'resources.size: conventions.sizes of the provider has no "huge"' in error.text
    assert "There are: small." in error.text


def test_what_has_no_effect_is_told(stack):
    """Keys of another name, which Terraform drops without a word."""
    stack.write(service(claims={"data": {"path": "/data", "size": "1Gi"}}, resources={"cpu": "1"}, security_context={"runAsUser": 1000},
                        volumes={"tmp": {"mount": "/tmp", "empty_dir": {}}}, pod={"labels": {"a": "b"}}))
    result = stack.run("validate", "-json")
    told = {d["snippet"]["code"].split("=")[0].strip(): squeezed(d["detail"]) for d in json.loads(result.stdout)["diagnostics"]
            if d["summary"] == "This has no effect"}
    assert set(told) == {"claims", "resources", "security_context"}, told
    assert "mounted nowhere" in told["claims"] and 'mount = "/path"' in told["claims"] and "Says nothing" in told["resources"]
