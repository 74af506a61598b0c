"""charon_vpn_node with played machines and real tailscaled: waited for, shaped, followed, logged in again, removed."""

import time

import pytest

from harness import hcl
from harness.front import Front
from harness.hcl import Expression

pytestmark = [
    pytest.mark.one_cli("about the provider and the server"),
    pytest.mark.thorough("goes deep where others go broad"),
]

TAGS = ("tag:infra", "tag:more", "tag:else")


def node(label, **attributes):
    return hcl.resource("charon_vpn_node", label, attributes)


@pytest.fixture
def tags(headscale, one_vpn_test):
    """A policy that knows them, which newer servers want."""
    headscale.set_policy('{"tagOwners": {%s}, "acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"]}]}'
                         % ", ".join(f'"{tag}": []' for tag in TAGS))


@pytest.fixture
def domain(vpn_stack, headscale):
    vpn_stack.write_file("provider.tf", hcl.block('provider "charon"', {"headscale": {"base_domain": headscale.base_domain}}))


@pytest.mark.each_cli("what a user meets first")
def test_nodes_are_waited_for_shaped_and_removed(vpn_stack, headscale, names, tags, domain):
    """Three machines at once, of which two come while the apply waits; then everything is changed outside, and put right."""
    owner = headscale.new_user(names("u"))
    key = headscale.new_key(owner)
    early, router, late = (headscale.machine(names(n)) for n in ("early", "router", "late"))
    bystander = headscale.machine(names("early-x"))
    early.register(key)
    bystander.register(key)

    def config(**changed):
        return "".join(node(label, **({
            "early": {"hostname": early.hostname, "given_name": names("first"), "tags": ["tag:infra"]},
            "router": {"hostname": router.hostname, "routes": ["10.1.0.0/16", "10.2.0.0/16"], "exit_node": True, "wait_online": True},
            "late": {"hostname": late.hostname, "user": owner},
        }[label] | changed.get(label, {}))) for label in ("early", "router", "late"))

    vpn_stack.write(config() + hcl.block('output "names"', {"value": Expression("[for n in [charon_vpn_node.early, charon_vpn_node.late] : n.fqdn]")}))
    running = vpn_stack.start("apply", "-json", "-input=false", "-auto-approve")
    router.register(key, routes=("10.1.0.0/16", "10.2.0.0/16", "10.9.0.0/16", "0.0.0.0/0", "::/0"))
    late.start_registration(key)
    result = vpn_stack.finish(running)
    ended = time.monotonic()
    assert result.code == 0, result
    headscale.eventually(lambda: headscale.nodes_of_host(late.hostname), "the last machine", 1)
    late.id = headscale.nodes_of_host(late.hostname)[0]["id"]
    vpn_stack.expect_empty()
    state = vpn_stack.state()
    for machine, label in ((early, "early"), (router, "router"), (late, "late")):
        assert state[f"charon_vpn_node.{label}"]["id"] == machine.id
        assert state[f"charon_vpn_node.{label}"]["ipv4"] == machine.ipv4
    assert early.node["givenName"] == names("first") and headscale.tags(early.id) == ["tag:infra"]
    assert state.outputs["names"] == [f"{names('first')}.{headscale.base_domain}", f"{late.node['givenName']}.{headscale.base_domain}"]
    assert headscale.approved_routes(router.id) == ["0.0.0.0/0", "10.1.0.0/16", "10.2.0.0/16", "::/0"]
    assert ended - running._began < 120

    # Somebody changes each of them: drift is told by resource, and put right in one apply. What nobody wrote stays.
    headscale.ask("POST", f"node/{early.id}/rename/{names('renamed')}")
    headscale.set_tags(early.id, "tag:else")
    headscale.approve(router.id, "10.9.0.0/16", "10.1.0.0/16")
    plan = vpn_stack.apply()
    assert plan.actions == {"charon_vpn_node.early": "update", "charon_vpn_node.router": "update"}
    assert early.node["givenName"] == names("first") and sorted(headscale.tags(early.id)) == ["tag:else", "tag:infra"]
    assert headscale.approved_routes(router.id) == ["0.0.0.0/0", "10.1.0.0/16", "10.2.0.0/16", "10.9.0.0/16", "::/0"]

    # Changes of the configuration, several in one apply.
    vpn_stack.write(config(early={"given_name": names("again"), "tags": ["tag:infra", "tag:more"], "exclusive": ["tags"]},
                           router={"routes": ["10.2.0.0/16"], "exit_node": False, "exclusive": ["routes"], "given_name": names("gate")}))
    vpn_stack.apply()
    assert early.node["givenName"] == names("again") and sorted(headscale.tags(early.id)) == ["tag:infra", "tag:more"]
    assert headscale.approved_routes(router.id) == ["10.2.0.0/16"]

    # A restart keeps the machine what it was.
    early.offline()
    early.online()
    headscale.eventually(lambda: early.node["online"], "the machine to come back")
    vpn_stack.expect_empty()

    # Import finds it all; destroying takes these and no other.
    vpn_stack.run("state", "rm", "charon_vpn_node.router", "charon_vpn_node.early")
    vpn_stack.import_("charon_vpn_node.router", router.id)
    vpn_stack.import_("charon_vpn_node.early", early.hostname)
    imported = vpn_stack.state()
    assert imported["charon_vpn_node.router"]["routes"] == ["10.2.0.0/16"]
    assert sorted(imported["charon_vpn_node.early"]["tags"]) == ["tag:infra", "tag:more"]
    vpn_stack.destroy()
    assert [m.node for m in (early, router, late)] == [None, None, None]
    assert bystander.node is not None


def test_a_host_that_lost_its_state_is_followed(vpn_stack, headscale, names):
    """Its former node is purged; a machine of a similar name, and one of another user, are not."""
    owner, other = headscale.new_user(names("u")), headscale.new_user(names("o"))
    key, others = headscale.new_key(owner), headscale.new_key(other)
    host, similar, foreign = headscale.machine(names("host")), headscale.machine(names("host") + "-1"), headscale.machine(names("host"))
    host.register(key)
    similar.register(key)
    vpn_stack.write(node("host", hostname=names("host"), given_name=names("front"), purge_stale_after="1s")
                    + hcl.block('output "address"', {"value": Expression("charon_vpn_node.host.ipv4")}))
    vpn_stack.apply()
    first = host.id
    foreign.register(others)
    foreign.offline()
    similar.offline()
    host.forget()
    for machine_id in (first, similar.id, foreign.id):
        headscale.eventually(lambda: not headscale.node(machine_id)["online"], "the machines to be offline", 60)
    host.register(key)
    assert host.id != first
    time.sleep(1.1)  # The threshold passes by the server's clock, which is this machine's.
    plan = vpn_stack.apply()
    assert plan.actions == {"charon_vpn_node.host": "update"}
    state = vpn_stack.state()
    assert state["charon_vpn_node.host"]["id"] == host.id and state.outputs["address"] == host.ipv4
    assert host.node["givenName"] == names("front")
    assert headscale.node(first) is None
    assert similar.node is not None and foreign.node is not None


def test_a_login_that_ended_is_awaited_again(vpn_stack, headscale, names):
    owner = headscale.new_user(names("u"))
    key = headscale.new_key(owner)
    out, expired = headscale.machine(names("out")), headscale.machine(names("expired"))
    for machine in (out, expired):
        machine.register(key)
    vpn_stack.write(node("out", hostname=out.hostname, timeouts={"update": "60s"}) + node("expired", hostname=expired.hostname, on_missing="ignore"))
    vpn_stack.apply()
    before = out.id
    out.logout()
    headscale.expire(expired.id)
    headscale.eventually(lambda: out.node["expiry"] not in (None, "0001-01-01T00:00:00Z"), "the logout")
    plan = vpn_stack.plan()
    assert plan.actions == {"charon_vpn_node.out": "update"}
    assert any("logged out" in w.text for w in plan.warnings), plan
    # Nobody comes.
    vpn_stack.write(node("out", hostname=out.hostname, timeouts={"update": "2s"}) + node("expired", hostname=expired.hostname, on_missing="ignore"))
    result = vpn_stack.apply(fails=True, checked=False)
    assert result.says("did not log in again within", "--force-reauth"), result
    # Somebody does, while the apply waits.
    vpn_stack.write(node("out", hostname=out.hostname, timeouts={"update": "60s"}) + node("expired", hostname=expired.hostname, on_missing="ignore"))
    running = vpn_stack.start("apply", "-json", "-input=false", "-auto-approve")
    time.sleep(1)
    out.register(key)
    result = vpn_stack.finish(running)
    assert result.code == 0, result
    assert out.id == before, "the machine is the same node"
    assert vpn_stack.state()["charon_vpn_node.out"]["enrolled"] is True
    vpn_stack.expect_empty()


def test_what_goes_wrong_is_told(vpn_stack, headscale, names):
    owner = headscale.new_user(names("u"))
    machine, twin = headscale.machine(names("host")), headscale.machine(names("twin"))
    machine.register(headscale.new_key(owner))
    # Nobody registers under that name; somebody does under another.
    vpn_stack.write(node("none", hostname=names("nobody"), timeouts={"create": "6s"}))
    running = vpn_stack.start("apply", "-json", "-input=false", "-auto-approve")
    time.sleep(2.5)
    twin.register(headscale.new_key(owner))
    result = vpn_stack.finish(running)
    assert result.code == 1 and result.says(f'No node with the host name "{names("nobody")}" registered within', "tailscale up"), result
    # The node goes between plan and apply.
    vpn_stack.write(node("host", hostname=machine.hostname))
    vpn_stack.apply()
    vpn_stack.write(node("host", hostname=machine.hostname, given_name=names("front")))
    plan = vpn_stack.plan()
    headscale.delete_node(machine.id)
    result = vpn_stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
    assert result.says("is gone since the plan was made", "Plan again"), result
    assert vpn_stack.plan().actions == {"charon_vpn_node.host": "create"}


def test_what_is_said_twice_or_too_late_spoils_nothing(vpn_stack, headscale, names):
    """Two resources for one node, exit routes that nobody wrote, an expiry in the past, a key that is missing."""
    owner = headscale.new_user(names("u"))
    machine = headscale.machine(names("host"))
    routes = ["10.1.0.0/16", "0.0.0.0/0", "::/0"]
    machine.register(headscale.new_key(owner), routes=tuple(routes))
    headscale.wait_for_routes(machine.id, "10.1.0.0/16")
    wanted = {"hostname": machine.hostname, "given_name": names("aa"), "routes": ["10.1.0.0/16"]}
    vpn_stack.write(node("one", **wanted) + node("two", hostname=machine.hostname.upper(), given_name=names("bb"),
                                                 depends_on=[Expression("charon_vpn_node.one")]))
    plan = vpn_stack.plan()
    assert [w.address for w in plan.warnings if "nother resource" in w.text] == ["charon_vpn_node.two"], plan.warnings
    result = vpn_stack.run("apply", "-json", "-input=false", str(plan.file), codes=(1,))
    assert [(e.address, "nother resource" in e.text) for e in result.errors] == [("charon_vpn_node.two", True)], result
    assert machine.node["givenName"] == names("aa")
    # Only with exit_node are the routes of an exit node left out of what is exclusive.
    headscale.approve(machine.id, *routes)
    vpn_stack.write(node("one", **wanted))
    vpn_stack.expect_empty()
    vpn_stack.write(node("one", **wanted, exclusive=["routes"]))
    vpn_stack.apply()
    assert headscale.approved_routes(machine.id) == ["10.1.0.0/16"]
    vpn_stack.write(node("one", **wanted, expiry="2020-01-01T00:00:00Z"))
    refused = vpn_stack.plan(fails=True)
    assert [("in the past" in e.text, "charon_vpn_node_expire" in e.text) for e in refused.errors] == [(True, True)], refused
    vpn_stack.write(node("one", **wanted | {"given_name": names("cc")}) + node("new", hostname=names("new")))
    vpn_stack.environment["HEADSCALE_API_KEY"] = ""
    plan = vpn_stack.plan("-refresh=false")
    assert [True for w in plan.warnings if "HEADSCALE_API_KEY" in w.text] == [True], plan.warnings


@pytest.mark.versions("0.23")
def test_killed_in_the_middle_goes_on(vpn_stack, headscale, names, tags):
    """With routes, of which 0.23 knows those that a machine has really offered; all other writes are in vpn_crash_test.py."""
    owner = headscale.new_user(names("u"))
    machine = headscale.machine(names("host"))
    machine.register(headscale.new_key(owner), routes=("10.1.0.0/16",))
    headscale.wait_for_routes(machine.id, "10.1.0.0/16")
    front = Front(headscale.endpoint)
    vpn_stack.environment["HEADSCALE_ENDPOINT"] = front.url
    vpn_stack.write(node("host", hostname=machine.hostname, given_name=names("front"), tags=["tag:infra"], routes=["10.1.0.0/16"]))
    for path in ("/rename/", "/tags$"):
        front.on("POST", path, acted=True)
        running = vpn_stack.start("apply", "-json", "-input=false", "-auto-approve")
        front.wait_until_held()
        vpn_stack.allowed = {"Plugin did not respond", "plugin crashed", "Plugin error"}
        running.kill_provider()
        assert vpn_stack.finish(running).code == 1
        vpn_stack.allowed = set()
        front.heal()
        # The next one has only the rest to do.
    front.on("POST", "/enable$|/approve_routes$", acted=True, drop=True)
    vpn_stack.apply()
    assert (machine.node["givenName"], headscale.tags(machine.id), headscale.approved_routes(machine.id)) \
        == (names("front"), ["tag:infra"], ["10.1.0.0/16"])
    vpn_stack.destroy()
    assert machine.node is None
    front.close()


@pytest.mark.sandbox_only("counts requests")
def test_many_nodes_take_a_handful_of_requests(vpn_stack, headscale, names, tags):
    """However many there are; the bench has two hundred."""
    owner = headscale.new_user(names("u"))
    key = headscale.new_key(owner)
    for n in range(60):
        headscale.machine(names(f"h{n}")).register(key, routes=(f"10.{n}.0.0/16",))
    vpn_stack.trace = False
    vpn_stack.write(node("all", count=60, hostname=Expression(f'"{names("h${count.index}")}"'), tags=["tag:infra"],
                         routes=Expression('["10.${count.index}.0.0/16"]')))
    vpn_stack.apply("-parallelism=50", checked=False)
    mark = headscale.mark()
    vpn_stack.expect_empty()
    asked = headscale.requests(mark)
    assert len(asked) <= 6, [f"{r.method} {r.path}" for r in asked]
    vpn_stack.destroy("-parallelism=50")
    assert [n for n in headscale.nodes() if n["name"].endswith(names.mark)] == []

