"""The parts of the bench about DNS records and VPN nodes: requests are counted by charon-sandbox, 30 ms from the provider.

What the sandbox does not play is real: a BIND behind a proxy as far away, which counts DNS messages; and a Headscale and a
tailscaled, for what the provider adds to a registration.
"""

import concurrent.futures
import pathlib
import time

from harness.clusters import SandboxCluster
from harness.dns import SandboxCloudflare
from harness.headscale import RealHeadscale, RealServers, SandboxHeadscale
from harness.nameservers import Bind, RealNameServers
from harness.tcp_proxy import TcpProxy, is_dns_update

LATENCY = 30  # ms, each request
RECORDS = 200
NODES = 200
REQUIRED = 'terraform {\n  required_providers {\n    charon = {\n      source = "charon/charon"\n    }\n  }\n}\n'


def records_tf(zone="example.org"):
    return REQUIRED + f"""
resource "charon_dns_record" "host" {{
  count  = {RECORDS}
  zone   = "{zone}"
  name   = "host-${{count.index}}.{zone}"
  type   = "A"
  ttl    = 300
  values = ["192.0.2.${{count.index % 250 + 1}}"]
}}
"""


NODES_TF = REQUIRED + f"""
resource "charon_vpn_node" "node" {{
  count    = {NODES}
  hostname = "host-${{count.index}}"
  tags     = ["tag:bench"]
  routes   = ["10.${{count.index}}.0.0/16"]
}}
"""

JOIN_TF = REQUIRED + """
resource "charon_vpn_preauth_key" "key" {
  user       = "bench"
  expires_in = "10m"
  deliver_to = { file = "${path.module}/key" }
}

resource "charon_vpn_node" "node" {
  hostname   = "bench-node"
  given_name = "bench-node"
  depends_on = [charon_vpn_preauth_key.key]
}
"""


def sandbox(folder):
    made = SandboxCluster(folder)
    made.fault(action="delay", delay_ms=LATENCY, id="latency")
    return made


def records(bars, commands, new_run, folder):
    """One zone for each parallelism."""
    for parallelism, most in ((10, 25), (100, 4)):
        server = sandbox(folder / f"records-{parallelism}")
        try:
            cloudflare = SandboxCloudflare(server)
            cloudflare.new_zone("example.org", plan="pro")
            run = new_run(f"records-{parallelism}", cloudflare.environment)
            (run.folder / "main.tf").write_text(records_tf())
            what = f"apply of {RECORDS} new records, {LATENCY} ms latency, parallelism {parallelism}"
            mark = cloudflare.mark()
            apply = run.command("apply", "-auto-approve", f"-parallelism={parallelism}")
            asked = cloudflare.requests(mark)
            writes = sum(r.method != "GET" for r in asked)
            commands.add(what, "charon", apply, (writes, 0, len(asked) - writes))
            made = len(cloudflare.records("example.org"))
            bars.add(what, f"{writes} write requests, {made} records", f"<= {most} write requests",
                     writes <= most and made == RECORDS)
            if parallelism == 10:
                no_op(bars, commands, run, cloudflare, f"no-op plan of {RECORDS} records in one zone, {LATENCY} ms latency", 4, 1.5)
        finally:
            server.close()


class Messages:
    """DNS messages, counted as the sandbox's request log is."""

    def __init__(self, proxy):
        self.proxy = proxy

    def mark(self):
        return len(self.proxy.messages)

    def requests(self, since):
        return self.proxy.messages[since:]


def updates(bars, commands, new_run, folder):
    """By RFC 2136: read by a zone transfer, and where the server allows none, set by set."""
    servers = RealNameServers(folder)
    try:
        record = servers.start("bind")
        # Without: each set, and once the zone, the transfer that is refused, and what "*" stands for.
        for how, most in (("with a zone transfer", 4), ("without one", RECORDS + 3)):
            zone = how.replace(" ", "-") + ".example.org"
            bind = Bind(record, transfer=how != "without one")
            bind.new_zone(zone)
            proxy = TcpProxy(bind.server, is_dns_update, LATENCY / 1000)
            host, port = proxy.address.split(":")
            try:
                run = new_run(f"updates-{zone}", bind.environment | {"DNS_UPDATE_SERVER": host, "DNS_UPDATE_PORT": port})
                (run.folder / "main.tf").write_text(records_tf(zone))
                run.apply()
                no_op(bars, commands, run, Messages(proxy),
                      f"no-op plan of {RECORDS} records by RFC 2136 {how}, {LATENCY} ms latency", most, 1.5)
            finally:
                proxy.close()
    finally:
        servers.stop()


def no_op(bars, commands, run, api, what, requests, seconds=None):
    mark = api.mark()
    plans = [run.plan(times=1)]
    asked = len(api.requests(mark))
    plans += [run.plan(times=2)]
    plan = min(plans, key=lambda p: p.wall)
    commands.add(what, "charon", plan, (0, 0, asked))
    bar = f"<= {requests} requests" + (f", <= {seconds} s" if seconds else "")
    bars.add(what, f"{asked} requests; wall {plan.wall:.2f} s; provider {plan.cpu:.2f} CPU s", bar,
             asked <= requests and (seconds is None or plan.wall <= seconds))


def nodes(bars, commands, new_run, folder):
    server = SandboxCluster(folder / "nodes")
    try:
        headscale = SandboxHeadscale(server, "0.29", folder / "nodes")
        headscale.set_policy('{"tagOwners": {"tag:bench": ["bench@"]}, "acls": []}')
        key = headscale.new_key(headscale.new_user("bench"))
        for number in range(NODES):
            headscale.machine(f"host-{number}").register(key, routes=(f"10.{number}.0.0/16",))
        run = new_run("nodes", headscale.environment)
        (run.folder / "main.tf").write_text(NODES_TF)
        run.apply()
        server.fault(action="delay", delay_ms=LATENCY)
        no_op(bars, commands, run, headscale, f"no-op plan of {NODES} VPN nodes with tags and routes", 6)
    finally:
        server.close()


def registration(bars, new_run, folder):
    """From the key in its file to the end of the apply, beside the same machine's registration alone."""
    servers = RealServers(folder)
    headscale = RealHeadscale(servers.start("0.29"), folder / "real")
    try:
        headscale.new_user("bench")
        run = new_run("join", headscale.environment)
        (run.folder / "main.tf").write_text(JOIN_TF)
        machine = headscale.machine("bench-node")
        machine.online()  # Starting the daemon is not what is measured.
        with concurrent.futures.ThreadPoolExecutor() as pool:
            apply = pool.submit(run.apply)
            file = pathlib.Path(run.folder / "key")
            while not (file.exists() and file.read_text()):
                if apply.done():
                    apply.result()
                time.sleep(0.005)
            minted = time.monotonic()
            machine.start_registration(file.read_text().strip())
            headscale.eventually(lambda: headscale.nodes_of_host("bench-node"), "the registration")
            registered = time.monotonic()
            apply.result()
            done = time.monotonic()
        alone, beyond = registered - minted, done - registered
        bars.add("key minted -> real tailscaled registered -> node resource done",
                 f"{alone + beyond:.1f} s; the registration alone {alone:.1f} s", "<= 2 s beyond the registration", beyond <= 2)
    finally:
        headscale.close()
        servers.stop()
