"""charon_vpn_preauth_key, the resource and the ephemeral one: where keys go, when they are made anew, what a kill leaves."""

import base64
import datetime
import stat

import pytest

from harness import hcl, leaks
from harness.front import Front
from harness.hcl import Expression

pytestmark = [
    pytest.mark.one_cli("about the provider and the server"),
    pytest.mark.thorough("goes deep where others go broad"),
]


def key(label, **attributes):
    return hcl.resource("charon_vpn_preauth_key", label, attributes)


def is_open(one) -> bool:
    until = datetime.datetime.fromisoformat(one["expiration"].replace("Z", "+00:00")[:19] + "+00:00")
    return not one["used"] and until > datetime.datetime.now(datetime.UTC)


def open_keys(headscale, user):
    return [one for one in headscale.keys(user) if is_open(one)]


@pytest.fixture
def front(headscale, vpn_stack):
    one = Front(headscale.endpoint)
    vpn_stack.environment["HEADSCALE_ENDPOINT"] = one.url
    yield one
    one.close()


@pytest.mark.each_cli("what a user meets first")
def test_keys_are_used_renewed_and_made_again(vpn_stack, headscale, names, folder):
    owner = names("u")

    def config(**changed):
        return hcl.resource("charon_vpn_user", "owner", {"name": owner, "force_delete": True}) + "".join(
            key(label, user=Expression("charon_vpn_user.owner.name"), **({
                "single": {"deliver_to": {"file": str(folder / "single.key")}},
                "many": {"reusable": True, "ephemeral": True, "expires_in": "24h", "renew_before": "1h", "expose_key": True},
                "lost": {"deliver_to": {"file": str(folder / "lost.key")}, "on_conflict": "adopt"},
                "gone": {"expose_key": True, "expires_in": "2h"},
            }[label] | changed.get(label, {}))) for label in ("single", "many", "lost", "gone"))

    vpn_stack.write(config())
    vpn_stack.apply()
    state = vpn_stack.state()
    ids = {label: state[f"charon_vpn_preauth_key.{label}"]["id"] for label in ("single", "many", "lost", "gone")}
    assert state["charon_vpn_preauth_key.single"]["key"] is None
    file = folder / "single.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {one["id"] for one in open_keys(headscale, owner)} == set(ids.values())
    by_id = {one["id"]: one for one in headscale.keys(owner)}
    assert by_id[ids["many"]]["reusable"] and by_id[ids["many"]]["ephemeral"] and not by_id[ids["single"]]["reusable"]

    # What was delivered lets a machine in. Used, it is finished, with the file or without; the others are made again.
    machine = headscale.machine(names("host"))
    machine.register(file.read_text())
    file.unlink()
    (folder / "lost.key").unlink()
    for label in ("gone",):
        one = by_id[ids[label]]
        if headscale.version == "0.29":
            headscale.ask("DELETE", f"preauthkey?id={one['id']}")
        else:
            headscale.ask("POST", "preauthkey/expire",
                          {"user": owner if headscale.is_old else headscale.user(owner)["id"], "key": one["key"]})
    plan = vpn_stack.apply()
    gone = "create" if headscale.version == "0.29" else "replace"
    assert plan.actions == {"charon_vpn_preauth_key.lost": "replace", "charon_vpn_preauth_key.gone": gone}
    state = vpn_stack.state()
    assert state["charon_vpn_preauth_key.single"]["used"] is True
    assert state["charon_vpn_preauth_key.single"]["id"] == ids["single"]
    second = headscale.machine(names("second"))
    second.register((folder / "lost.key").read_text())

    # Another lifetime, and one that has come close to its end. A finished key takes no part in either.
    vpn_stack.write(config(many={"expires_in": "90m", "renew_before": "89m59s"}, single={"expires_in": "3h"}, lost={"expires_in": "3h"},
                           gone={"rotation_trigger": "2"}))
    plan = vpn_stack.apply(checked=False)
    assert plan.actions == {"charon_vpn_preauth_key.many": "replace", "charon_vpn_preauth_key.gone": "replace",
                            "charon_vpn_preauth_key.single": "update", "charon_vpn_preauth_key.lost": "update"}
    headscale.eventually(lambda: vpn_stack.plan().actions == {"charon_vpn_preauth_key.many": "replace"}, "the time to renew", 10)

    # The machines that came in with keys stay when the keys go; what is still open does not.
    vpn_stack.run("state", "rm", "charon_vpn_user.owner")
    vpn_stack.write("")
    vpn_stack.apply()
    assert open_keys(headscale, owner) == []
    assert machine.node is not None and second.node is not None
    assert not (folder / "lost.key").exists() and not (folder / "lost.key.intent").exists()


@pytest.mark.sandbox_only("one cluster and one VPN server in one program")
@pytest.mark.versions("0.29")
def test_a_secret_takes_the_key(new_stack, cluster, headscale, names):
    """For the pod that joins. A Secret of somebody else is refused before a key is made."""
    owner = headscale.new_user(names("u"))
    for name in ("work",):
        cluster.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": names(name)}})
    cluster.api.create({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "taken", "namespace": names("work")}})
    stack = new_stack("stack")
    stack.environment |= headscale.environment
    to = {"namespace": names("work"), "name": "router-key"}
    stack.write(key("one", user=owner, deliver_to={"kubernetes_secret": to}))
    # Killed when the key is made and not yet delivered: the Secret remembers what was about to be made.
    front = Front(headscale.endpoint)
    front.on("POST", "/preauthkey$", acted=True)
    running = stack.start("apply", "-json", "-input=false", "-auto-approve", environment={"HEADSCALE_ENDPOINT": front.url})
    front.wait_until_held()
    stack.allowed = {"Plugin did not respond", "plugin crashed", "Plugin error"}
    running.kill_provider()
    assert stack.finish(running).code == 1
    stack.allowed = set()
    front.close()
    assert len(open_keys(headscale, owner)) == 1 and "TS_AUTHKEY" not in cluster.get("Secret", names("work"), "router-key").get("data", {})
    stack.apply()
    assert len(open_keys(headscale, owner)) == 1
    secret = cluster.get("Secret", names("work"), "router-key")
    text = base64.b64decode(secret["data"]["TS_AUTHKEY"]).decode()
    assert text.startswith("hskey-auth-") and len(open_keys(headscale, owner)) == 1
    assert leaks.find([text], stack.folder) == []
    cluster.api.delete("Secret", names("work"), "router-key")
    assert stack.apply().actions == {"charon_vpn_preauth_key.one": "replace"}
    assert len(open_keys(headscale, owner)) == 1
    stack.write(key("one", user=owner, deliver_to={"kubernetes_secret": to})
                + key("two", user=owner, deliver_to={"kubernetes_secret": to | {"name": "taken"}}))
    result = stack.apply(fails=True, checked=False)
    assert result.says("deliver_to", "taken"), result
    assert len(open_keys(headscale, owner)) == 1
    stack.destroy()
    assert open_keys(headscale, owner) == []


def test_killed_after_the_key_was_made(vpn_stack, headscale, front, names, folder):
    """The next apply makes every unused key of the interrupted one useless, and none of anybody else's."""
    owner = headscale.new_user(names("u"))
    headscale.new_key(owner, reusable=False)
    kept = {one["id"] for one in open_keys(headscale, owner)}
    vpn_stack.write("".join(key(f"k{n}", user=owner, deliver_to={"file": str(folder / f"k{n}.key")}) for n in range(3)))
    for victim in ("provider", "terraform"):
        front.on("POST", "/preauthkey$", acted=True, times=3)
        running = vpn_stack.start("apply", "-json", "-input=false", "-auto-approve")
        front.wait_until_held(3)
        vpn_stack.allowed = {"Plugin did not respond", "plugin crashed", "Plugin error"}
        (running.kill_provider if victim == "provider" else running.kill_terraform)()
        assert vpn_stack.finish(running).code != 0
        vpn_stack.allowed = set()
        headscale.eventually(lambda: not vpn_stack.provider_processes(), "the provider's end")
        front.heal()
        assert len(open_keys(headscale, owner)) == 4
    # An answer that gets lost on top of it.
    front.on("POST", "/preauthkey$", acted=True, drop=True)
    vpn_stack.apply()
    ids = {vpn_stack.state()[f"charon_vpn_preauth_key.k{n}"]["id"] for n in range(3)}
    assert {one["id"] for one in open_keys(headscale, owner)} == kept | ids
    machine = headscale.machine(names("host"))
    machine.register((folder / "k0.key").read_text())
    vpn_stack.destroy()
    assert {one["id"] for one in open_keys(headscale, owner)} == kept
    assert machine.node is not None


@pytest.mark.each_cli("what a user meets first")
def test_ephemeral_keys_end_with_the_run_and_nothing_is_found(vpn_stack, headscale, names, folder):
    """Also the keys of the resource, and the API key: state, plans, TRACE logs, process arguments."""
    owner = headscale.new_user(names("u"))
    machine = headscale.machine(names("host"))
    machine.register(headscale.new_key(owner))  # Its key is shown with the node until 0.27.
    headscale.new_key(owner)
    vpn_stack.write(
        hcl.block('ephemeral "charon_vpn_preauth_key" "once"', {"user": owner, "expires_in": "5m"})
        + hcl.block('ephemeral "charon_vpn_preauth_key" "kept"', {"user": owner, "on_close": "keep", "ephemeral": True})
        + key("file", user=owner, deliver_to={"file": str(folder / "outside.key")})
        + hcl.resource("charon_vpn_node", "host", {"hostname": names("host")})
        + hcl.block('data "charon_vpn_nodes" "all"', {}))
    foreign = len(open_keys(headscale, owner))
    with vpn_stack.watching_arguments():
        plan = vpn_stack.plan()
        made = [one for one in open_keys(headscale, owner)]
        assert len(made) == foreign + 1  # kept
        vpn_stack.run("apply", "-json", "-input=false", str(plan.file))
        # Kept twice, and the resource's. OpenTofu's apply opens only what something refers to.
        assert len(open_keys(headscale, owner)) == foreign + (3 if vpn_stack.cli.name == "terraform" else 2)
        vpn_stack.run("show", "-json")
    text = (folder / "outside.key").read_text()
    secrets = {text, headscale.api_key} | {one["key"] for one in headscale.keys(owner) if not one["key"].endswith("***")}
    assert leaks.find(secrets, vpn_stack.folder) == []
    vpn_stack.destroy()
    assert not (folder / "outside.key").exists()
