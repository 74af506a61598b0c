"""Field study A9: how providers are really configured."""

import base64
import json
import shutil
import textwrap

import pytest

from entries import make_crd
from harness import certificates, hcl, proxy
from harness.hcl import Expression
from harness.kubernetes import DISCOVERY, write_kubeconfig
from harness.plugin import Plugin

NAMESPACE = "charon_tier_namespace.x"


def provider(**kubernetes):
    return hcl.block('provider "charon"', {"kubernetes": kubernetes})


def namespace(name, label="x", **more):
    return hcl.resource("charon_tier_namespace", label, {"name": name} | more)


@pytest.fixture
def bare(new_stack):
    """A stack without any connection in its environment."""
    return new_stack("bare", kubeconfig=None)


# --- Nothing there yet --------------------------------------------------------------------------


def test_no_configuration_at_all_validates_and_plans(bare, cluster, names):
    bare.write(namespace(names("n"), tier="edge"))
    assert bare.validate() == []
    plan = bare.plan()
    assert plan.actions == {NAMESPACE: "create"}
    # The plan and the apply say what is missing, as an argument and as a variable.
    (warning,) = plan.warnings
    assert warning.summary == "The cluster cannot be asked" and "no Kubernetes cluster is configured" in warning.text
    result = bare.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    for said in (plan, result):
        assert said.says("config_path", "KUBE_CONFIG_PATH"), said


def test_arguments_that_are_unknown_at_plan(bare, cluster, names):
    """The cluster is made in the same run: its address and credentials come out of another resource."""
    bare.write(
        hcl.resource("terraform_data", "cluster", {"input": {
            "host": cluster.server, "token": cluster.token, "ca": cluster.ca_file.read_text(),
            "conventions": {"owner": "late", "tiers": {}},
        }})
        + hcl.block('provider "charon"', {
            "kubernetes": {"host": Expression("terraform_data.cluster.output.host"),
                           "token": Expression("terraform_data.cluster.output.token"),
                           "cluster_ca_certificate": Expression("terraform_data.cluster.output.ca")},
            "conventions": Expression("terraform_data.cluster.output.conventions"),
        })
        + namespace(names("n"), tier="edge")
    )
    plan = bare.apply()
    assert plan.actions == {NAMESPACE: "create", "terraform_data.cluster": "create"}
    mark = cluster.get("Namespace", None, names("n"))["metadata"]["annotations"]["charon.internal/owner"]
    assert mark.startswith("late/")
    bare.destroy()


def test_unknown_parts_are_told_apart(bare, cluster, names):
    """What is unknown of `conventions` is no obstacle for what does not need it, and what this run makes of a
    tier reaches its namespaces."""
    def configuration(pods, priority):
        return (
            hcl.resource("terraform_data", "v", {"input": {"pods": pods, "priority": priority}})
            + hcl.block('provider "charon"', {
                "kubernetes": {"config_path": str(cluster.kubeconfig)},
                "conventions": {"domain": Expression('"x${terraform_data.v.output.pods}.example.org"')},
            })
            + hcl.block('provider "charon"', {
                "alias": "tables",
                "kubernetes": {"config_path": str(cluster.kubeconfig)},
                "conventions": {"tiers": {
                    "3-edge": {"resource_quota": {"pods": Expression("terraform_data.v.output.pods")}},
                    names("9-t"): {"priority": Expression("terraform_data.v.output.priority")},
                }},
            })
            + hcl.block('data "charon_kubernetes_object" "o"',
                        {"api_version": "v1", "kind": "Namespace", "name": "default"})
            + hcl.block('data "charon_tier_usage" "u"', {"namespace": "default"})
            + hcl.resource("charon_tier", "b", {"name": names("5-c"), "priority": 4,
                                                "resource_quota": {"pods": pods}})
            + namespace(names("c"), "c", tier=Expression("charon_tier.b.name"))
            + hcl.resource("charon_tier", "t", {"name": names("9-t")}, "provider = charon.tables")
            + hcl.resource("charon_tier_namespace", "t", {"name": names("t"), "tier": "3-edge"},
                           "provider = charon.tables")
        )

    def quotas():
        return [cluster.get("ResourceQuota", names(n), "tier-quota")["spec"]["hard"]["pods"] for n in "ct"]

    bare.write(configuration("40", 3))
    bare.apply()
    assert quotas() == ["40", "40"]
    bare.write(configuration("50", 3))
    plan = bare.apply()
    assert plan.actions["charon_tier_namespace.c"] == plan.actions["charon_tier_namespace.t"] == "update"
    assert quotas() == ["50", "50"]
    # A PriorityClass is made anew only where the plan can say so.
    bare.write(configuration("50", 5))
    plan = bare.apply(checked=False)
    assert plan.actions["charon_tier.t"] == "update" and plan.applied.says("Plan again", "waits for another plan")
    assert bare.apply().actions == {"charon_tier.t": "replace"}
    assert cluster.get("PriorityClass", None, "tier-" + names("9-t"))["value"] == 5
    bare.destroy()


def test_a_data_source_that_waits_for_apply_feeds_the_provider(bare, cluster, names):
    second = write_kubeconfig(cluster.folder / "later", cluster.server, cluster.ca_file.read_bytes(),
                              {"token": cluster.token})
    bare.environment["KUBE_CONFIG_PATH"] = str(cluster.kubeconfig)
    bare.write(
        hcl.resource("terraform_data", "first", {"input": "x"})
        + 'data "charon_kubernetes_server" "x" {\n  depends_on = [terraform_data.first]\n}\n'
        + 'provider "charon" {\n  alias = "later"\n  kubernetes = {\n'
        + f'    config_path = data.charon_kubernetes_server.x.version != "" ? "{second}" : "/nowhere"\n  }}\n}}\n'
        + hcl.resource("charon_tier_namespace", "x", {"name": names("n")}, "provider = charon.later")
    )
    plan = bare.plan()
    assert plan.actions[NAMESPACE] == "create"
    bare.apply()
    assert cluster.has("Namespace", None, names("n"))
    bare.destroy()


def test_a_kubeconfig_that_appears_during_apply(bare, cluster, names):
    later = bare.folder / "later.kubeconfig"
    bare.write(
        hcl.resource("terraform_data", "cluster", {}, f"""
provisioner "local-exec" {{
  command = "cp {cluster.kubeconfig} {later}"
}}
""")
        + provider(config_path=str(later))
        + hcl.resource("charon_tier_namespace", "x", {"name": names("n"), "tier": "edge"},
                       "depends_on = [terraform_data.cluster]")
    )
    assert bare.apply().actions == {NAMESPACE: "create", "terraform_data.cluster": "create"}
    assert cluster.has("Namespace", None, names("n"))
    bare.destroy()


# --- Ways in ------------------------------------------------------------------------------------


def test_everything_from_the_environment(bare, cluster, names):
    bare.environment |= {
        "KUBE_HOST": cluster.server,
        "KUBE_TOKEN": cluster.token,
        "KUBE_CLUSTER_CA_CERT_DATA": cluster.ca_file.read_text(),
    }
    bare.write('provider "charon" {}\n' + namespace(names("n")))
    bare.apply()
    bare.destroy()


@pytest.mark.parametrize("variable", ["KUBE_CONFIG_PATH", "KUBE_CONFIG_PATHS", "KUBECONFIG"])
def test_kubeconfig_variables(bare, cluster, names, variable):
    bare.environment[variable] = str(cluster.kubeconfig)
    bare.write(namespace(names("n")))
    bare.apply(checked=False)
    bare.destroy()


def test_merged_kubeconfigs_and_a_context(bare, cluster, names):
    """The cluster is in one file, the user and the context in another; the current context is no good."""
    parts = json.loads(cluster.kubeconfig.read_text())
    clusters, users = bare.folder / "clusters", bare.folder / "users"
    clusters.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "clusters": parts["clusters"],
                                    "current-context": "nothing"}))
    users.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", "users": parts["users"],
                                 "contexts": parts["contexts"]}))
    bare.write(provider(config_paths=[str(clusters), str(users)], config_context=parts["current-context"])
               + namespace(names("n")))
    bare.apply(checked=False)
    bare.write(provider(config_paths=[str(clusters), str(users)], config_context="other") + namespace(names("n")))
    result = bare.plan(fails=True)
    assert result.says("other"), result
    bare.write(provider(config_paths=[str(clusters), str(users)], config_context=parts["current-context"])
               + namespace(names("n")))
    bare.destroy()


def test_an_exec_plugin_is_asked_once_a_process(bare, cluster, names):
    calls = bare.folder / "calls"
    plugin = bare.folder / "get-token"
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
                  "status": {"token": cluster.token, "expirationTimestamp": "2100-01-01T00:00:00Z"}}
    plugin.write_text(f"#!/bin/sh\necho \"$STAGE $*\" >> {calls}\ncat <<'EOF'\n{json.dumps(credential)}\nEOF\n")
    plugin.chmod(0o755)
    bare.write(
        hcl.block('provider "charon"', {"kubernetes": {
            "host": cluster.server,
            "cluster_ca_certificate": cluster.ca_file.read_text(),
            "exec": {"api_version": "client.authentication.k8s.io/v1", "command": str(plugin),
                     "args": ["--cluster", "x"], "env": {"STAGE": "test"}},
        }}) + "".join(namespace(names(f"n{i}"), f"n{i}") for i in range(5))
    )
    bare.apply(checked=False)
    lines = calls.read_text().splitlines()
    assert set(lines) == {"test --cluster x"}
    assert len(lines) <= 3, "plan and apply start few processes, each asks once"
    bare.destroy()


@pytest.mark.real_only("the sandbox knows tokens only")
def test_a_client_certificate(bare, cluster, names):
    keys = cluster.ca_file.parent
    bare.write(provider(host=cluster.server, cluster_ca_certificate=cluster.ca_file.read_text(),
                        client_certificate=(keys / "admin.crt").read_text(),
                        client_key=(keys / "admin.key").read_text()) + namespace(names("n")))
    bare.apply(checked=False)
    bare.destroy()


def test_a_token_file_that_is_rotated_in_the_middle_of_an_apply(bare, cluster, names):
    """As a service account's token: the old one stops to be accepted while we write."""
    front = cluster.proxy()
    token_file = bare.folder / "token"
    token_file.write_text("first-token")
    accepted = {"first-token"}

    def rotate(_):
        token_file.write_text("second-token\n")
        accepted.clear()
        accepted.add("second-token")

    def stranger(exchange):
        return exchange.headers.get("authorization", "").removeprefix("Bearer ") not in accepted

    def let_in(exchange):
        exchange.headers["authorization"] = f"Bearer {cluster.token}"

    front.on(proxy.write(2), proxy.Call(lambda e: (let_in(e), rotate(e)), "before"))
    front.on(stranger, proxy.Answer(401, "Unauthorized", "Unauthorized"), None)
    front.on(proxy.everything, proxy.Call(let_in, "before"), None)
    bare.write(provider(host=front.url, cluster_ca_certificate=front.ca.decode(), token_file=str(token_file))
               + "".join(namespace(names(f"n{i}"), f"n{i}", tier="edge") for i in range(3)))
    bare.apply()
    used = {e.headers["authorization"] for e in front.log() if e.fault != "Answer"}
    assert len(front.writes()) > 6 and used == {f"Bearer {cluster.token}"}
    bare.destroy()


def test_two_aliases_lead_to_two_clusters(bare, cluster, new_sandbox, names):
    other = new_sandbox("other")
    text = ""
    for alias, one in (("here", cluster), ("there", other)):
        text += hcl.block('provider "charon"', {"alias": alias, "kubernetes": {"config_path": str(one.kubeconfig)}})
        text += hcl.resource("charon_tier_namespace", alias, {"name": names(alias)}, f"provider = charon.{alias}")
        text += hcl.resource("charon_tier_namespace", f"both_{alias}", {"name": names("both")},
                             f"provider = charon.{alias}")
    bare.write(text)
    bare.apply()
    for one, alias, stranger in ((cluster, "here", "there"), (other, "there", "here")):
        assert one.has("Namespace", None, names(alias)) and one.has("Namespace", None, names("both"))
        assert not one.has("Namespace", None, names(stranger))
    bare.destroy()


def test_a_proxy_in_the_way(bare, cluster, names):
    """tls_server_name, and `insecure` where the certificate is nobody's."""
    front = cluster.proxy()
    bare.write(provider(host=front.url, token=cluster.token, insecure=True) + namespace(names("n")))
    bare.apply(checked=False)
    bare.write(provider(host=front.url, token=cluster.token, cluster_ca_certificate=front.ca.decode(),
                        tls_server_name="localhost") + namespace(names("n")))
    bare.expect_empty()
    bare.destroy()


# --- What cannot be asked is not gone -----------------------------------------------------------


def test_what_cannot_be_asked_is_not_gone(bare, cluster, names):
    """Objects exist, and then the configuration leads nowhere, or to something else: nothing may leave the state."""
    front = cluster.proxy()
    group = f"{names('g')}.example.org"
    make_crd(cluster, group, "v1", "Foo", "foos")
    foo = "charon_kubernetes_manifest.foo"
    bare.environment["KUBE_CONFIG_PATH"] = str(front.kubeconfig)
    bare.write(
        namespace(names("n"))
        + hcl.resource("charon_tier", "x", {"name": f"5-{names('t')}", "priority": 3})
        + hcl.resource("charon_secret", "x", {"name": "s", "namespace": Expression(f"{NAMESPACE}.name"),
                                              "generate": {"a": {}}})
        + "".join(hcl.resource("charon_kubernetes_manifest", label, {"manifest": json.dumps(
            head | {"metadata": {"name": "x", "namespace": names("n")}})}, f"depends_on = [{NAMESPACE}]")
            for label, head in {"map": {"apiVersion": "v1", "kind": "ConfigMap"},
                                "foo": {"apiVersion": f"{group}/v1", "kind": "Foo"}}.items()))
    bare.apply(checked=False)
    before = bare.state().resources
    assert len(before) == 5

    def refuses(arguments, *says):
        result = bare.run(*arguments.split(), "-json", "-input=false", codes=(1,))
        assert result.says(*says), result
        assert bare.state().resources == before

    # No configuration at all, or one that is not there.
    del bare.environment["KUBE_CONFIG_PATH"]
    for command in ("plan", "apply -refresh-only -auto-approve", "destroy -auto-approve",
                    "destroy -auto-approve -refresh=false"):
        refuses(command, "Kubernetes cluster is configured", "KUBE_CONFIG_PATH")
    assert bare.plan("-refresh=false").is_empty
    bare.environment["KUBE_CONFIG_PATH"] = "/nonexistent/kubeconfig"
    refuses("destroy -auto-approve", "/nonexistent/kubeconfig does not exist")
    # A wrong path of the server, and what others answer in its place.
    del bare.environment["KUBE_CONFIG_PATH"]
    bare.environment |= {"KUBE_TOKEN": cluster.token, "KUBE_CLUSTER_CA_CERT_DATA": front.ca.decode(),
                         "KUBE_HOST": f"{front.url}/clusters/c1"}
    refuses("destroy -auto-approve", f"answers at {front.url}/clusters/c1 is not the Kubernetes API", "404")
    bare.environment["KUBE_HOST"] = front.url
    front.on(proxy.everything, proxy.Answer(404, body=b"default backend - 404"), None)
    refuses("destroy -auto-approve -refresh=false", "is not the Kubernetes API", "default backend - 404")
    front.reset()
    front.on(proxy.everything, proxy.Answer(200, body=b"<!doctype html><title>Log in</title>"), None)
    refuses("apply -refresh-only -auto-approve", "is not the Kubernetes API", "Log in", "KUBE_HOST")
    # An extension server that is down.
    front.reset()
    kinds = cluster.api.send("GET", "/apis", accept=DISCOVERY)[1]
    for item in kinds["items"]:
        if item["metadata"]["name"] == group:
            item["versions"] = [{"version": "v1", "freshness": "Stale", "resources": []}]
    front.on(proxy.matching(path="/apis"), proxy.Answer(200, body=json.dumps(kinds).encode()), None)
    front.on(proxy.matching(path=f"/apis/{group}/.*"), proxy.Answer(503, "ServiceUnavailable", "service unavailable"), None)
    refuses(f"destroy -auto-approve -refresh=false -target={foo}", f"extension server behind {group}/v1", "does not answer")
    # A kind of which nothing can be told is no reason not to check the others.
    more = bare.write_file("more.tf", "".join(
        hcl.resource("charon_kubernetes_manifest", label, {"manifest": json.dumps(
            head | {"metadata": {"name": "y", "namespace": names("n")}})}, *rest)
        for label, head, rest in (
            ("other", {"apiVersion": f"{group}/v1", "kind": "Foo"}, ()),
            ("wrong", {"apiVersion": "v1", "kind": "ConfigMap", "daata": {}}, ("depends_on = [charon_kubernetes_manifest.other]",)))))
    plan = bare.plan("-refresh=false", fails=True)
    assert plan.error.address == "charon_kubernetes_manifest.wrong" and plan.says(".daata") and plan.warnings == [], plan
    more.unlink()

    front.reset()
    bare.destroy()
    assert not cluster.has("Namespace", None, names("n"))
    cluster.api.delete("CustomResourceDefinition", None, f"foos.{group}")


# --- Bad configuration --------------------------------------------------------------------------


BAD = {
    "token without host": (
        'kubernetes = {\n token = "t"\n}', ["token", "host", "KUBE_HOST", "KUBE_CONFIG_PATH"]),
    "host that is no URL": (
        'kubernetes = {\n host = "192.0.2.1:6443"\n token = "t"\n}', ["https://"]),
    "two token arguments": (
        'kubernetes = {\n host = "https://x"\n token = "t"\n token_file = "f"\n}', ["token_file"]),
    "certificate without key": (
        'kubernetes = {\n host = "https://x"\n client_certificate = "-----BEGIN CERTIFICATE-----"\n}',
        ["client_key"]),
    "CA that is a path": (
        'kubernetes = {\n host = "https://x"\n token = "t"\n cluster_ca_certificate = "/etc/ca.crt"\n}', ["file("]),
    # Terraform itself drops keys that a type lacks: another cluster would be used.
    "a key that is mistyped": ('kubernetes = {\n config_contex = "prod"\n}', ["There is no \"config_contex\" here", '"config_context"']),
    "a key of DNS that is mistyped": ('aws = {\n acces_key = "x"\n}', ["There is no \"acces_key\" here", '"access_key"']),
    "an owner with blanks": ('conventions = {\n owner = "my stack"\n}', ["owner"]),
    "a tier with a bad quantity": (
        'conventions = {\n tiers = {\n x = {\n resource_quota = { pods = "1 Gb" }\n}\n}\n}', ["1 Gb"]),
}


@pytest.mark.sandbox_only("nothing is contacted")
@pytest.mark.parametrize("what", BAD)
def test_bad_arguments_are_named(bare, cluster, what):
    arguments, expected = BAD[what]
    bare.write(f'provider "charon" {{\n{textwrap.indent(arguments, "  ")}\n}}\n'
               'resource "charon_tier_namespace" "x" {\n  name = "x"\n}\n')
    result = bare.plan(fails=True)
    assert result.says(*expected), result
    assert "terraform-provider-charon" not in result.error.text
    assert cluster.requests() == []


def test_wrong_authority(bare, cluster, names):
    other = certificates.Authority("somebody else")
    bare.write(provider(host=cluster.server, token=cluster.token, cluster_ca_certificate=other.pem.decode())
               + namespace(names("n")))
    result = bare.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    assert result.says("certificate", "cluster_ca_certificate"), result


def test_wrong_token(bare, cluster, names):
    path = cluster.kubeconfig_for({"token": "wrong"}, name="wrong-token")
    bare.write(provider(config_path=str(path)) + namespace(names("n")))
    result = bare.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    # Which context, which user, which file.
    assert result.says("401", "charon-test", str(path)), result


def test_a_user_without_rights(bare, cluster, names):
    path = cluster.kubeconfig_for({"token": cluster.powerless_token}, name="powerless")
    bare.write(provider(config_path=str(path)) + namespace(names("n")))
    result = bare.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    assert result.says("namespaces") and (result.says("patch") or result.says("create")), result


def test_an_unreachable_server_is_no_obstacle_for_a_plan(bare, cluster, names):
    front = cluster.proxy()
    path = cluster.kubeconfig_for({"token": "t"}, name="gone", server=front.url, ca=front.ca)
    front.stop()
    bare.write(provider(config_path=str(path)) + namespace(names("n"), tier="edge", timeouts={"create": "3s"}))
    assert bare.plan().actions == {NAMESPACE: "create"}
    result = bare.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    assert result.says("127.0.0.1"), result


def test_an_expired_certificate(bare, cluster, names, folder):
    front = cluster.proxy()
    authority = certificates.Authority()
    expired = authority.issue(not_before=-2 * certificates.DAY, not_after=-certificates.DAY)
    front._client_context = certificates.server_context(expired, folder, "expired")
    bare.write(provider(host=front.url, token=cluster.token, cluster_ca_certificate=authority.pem.decode())
               + namespace(names("n")))
    result = bare.run("apply", "-json", "-input=false", "-auto-approve", codes=(1,))
    assert result.says("expired"), result


# --- Processes ----------------------------------------------------------------------------------


def test_provider_processes_and_their_files_end_with_the_command(stack, cluster, names):
    stack.write(namespace(names("n")))
    stack.apply()
    stack.destroy()
    assert stack.provider_processes() == []
    assert list(stack.temporary.iterdir()) == [], "sockets and folders are left in TMPDIR"


@pytest.mark.one_cli("no program takes part")
@pytest.mark.sandbox_only("no server takes part")
def test_the_handshake(folder, cluster, stack):
    with Plugin(stack.provider, folder / "plugin") as plugin:
        assert plugin.handshake[2] == "unix" and "=" not in plugin.handshake[5]
        base64.b64decode(plugin.handshake[5] + "==")
        health = plugin.call("Check", _health("plugin"), proto="grpc_health", service="Health")
        assert health.status == 1
        assert plugin.shutdown() == 0
    assert not shutil.os.path.exists(plugin.handshake[3])


def _health(service):
    from harness.plugin import messages

    return messages("grpc_health").HealthCheckRequest(service=service)
