"""examples/stacks/first-platform: Kubernetes, VPN and DNS in one apply, with machines that log in meanwhile."""

import shutil

import pytest

import examples
from harness.machines import Joining
from service_examples_test import expect_golden, raise_version

FOLDER = examples.EXAMPLES / "stacks/first-platform"
HOSTS = ("web-1", "web-2", "router")


@pytest.fixture
def platform(stack, cluster, headscale, cloudflare, exclusive):
    """The stack's files, and what it needs to know."""
    stack.environment |= cloudflare.environment | {
        "TF_VAR_headscale_endpoint": headscale.endpoint,
        "TF_VAR_headscale_api_key": headscale.api_key,
        "TF_VAR_tailnet_domain": headscale.base_domain,
    }
    cloudflare.new_zone("example.org")
    (stack.config / "required.tf").unlink()
    for path in FOLDER.glob("*.tf"):
        shutil.copy(path, stack.config)
    with examples.turns(exclusive, FOLDER):
        yield stack


def joining(cluster, headscale):
    """Machines that log in with the keys in namespace vpn; they are kept by host."""
    machines = {}

    def join(host, key):
        machine = machines.setdefault(host, headscale.machine(host))
        machine.register(key, routes=("10.20.0.0/16",) if host == "router" else ())

    return machines, Joining(cluster.api, "vpn", join)


@pytest.mark.own_server("a server has one policy")
@pytest.mark.versions("0.26", "0.29")
@pytest.mark.one_cli("Terraform and OpenTofu apply its parts in other scenarios")
def test_the_platform_is_made_kept_and_taken_away(platform, cluster, headscale, cloudflare):
    machines, join = joining(cluster, headscale)
    with join:
        plan = platform.apply()
    assert set(plan.actions.values()) == {"create"} and plan.applied.warnings == []
    state = platform.state()
    expect_golden(cluster.api, state, FOLDER)
    nodes = {host: state[f'charon_vpn_node.this["{host}"]'] for host in HOSTS}
    for host in HOSTS:
        assert nodes[host]["id"] == machines[host].id
        assert nodes[host]["fqdn"] == f"{host}.{headscale.base_domain}"
        assert cloudflare.values("example.org", f"{host}.vpn.example.org", "A") == [machines[host].ipv4]
    assert cloudflare.values("example.org", "wiki.example.org", "A") == sorted(machines[h].ipv4 for h in ("web-1", "web-2"))
    assert headscale.tags(machines["router"].id) == ["tag:router"]
    assert headscale.approved_routes(machines["router"].id) == ["10.20.0.0/16"]
    assert "group:admins" in headscale.policy()
    assert [i["metadata"]["name"] for i in cluster.api.list("Ingress", "web")] == ["echo", "wiki"]

    # Goes and comes back: the same node, nothing to do.
    machines["web-1"].offline()
    machines["web-1"].online()
    headscale.eventually(lambda: machines["web-1"].node["online"], "web-1 to be back")
    platform.expect_empty()
    assert machines["web-1"].node["id"] == nodes["web-1"]["id"]
    raise_version(platform, cluster, FOLDER)

    platform.destroy()
    assert platform.state().resources == {}
    assert [n for n in headscale.nodes() if n["name"] in HOSTS] == []
    assert not {"admin", "platform"} & {user["name"] for user in headscale.users()}
    assert cloudflare.records("example.org") == []
    assert not cluster.has("Namespace", None, "web")
