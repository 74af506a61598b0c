"""DNS services seen past the provider, all with one face: the sandbox's Cloudflare and Route 53, and the real servers that
`../servers` starts."""

import datetime
import hashlib
import hmac
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree
from typing import Any

from harness.cli import SERVERS
from harness.clusters import Exclusive
from harness.dns import SandboxCloudflare, SandboxRoute53
from harness.dns_proxy import DnsProxy
from harness.errors import HarnessError
from harness.proxy import Proxy

AGENT = "charon-harness"


class NameService:
    """`backend` is the provider's word for it; `environment` is what the provider needs."""

    backend: str
    environment: dict[str, str]
    # The sandbox behind it, for faults and its request log.
    sandbox: Any = None
    # Whether the service itself can tell what its name servers answer (dig).
    server: str = ""
    can_make_zones = True

    def new_zone(self, name: str) -> None:
        raise NotImplementedError

    def old_zone(self, name: str) -> None:
        """An empty one that somebody made long ago, as far as the service can tell."""
        self.new_zone(name)

    def zone_id(self, name: str) -> str | None:
        """As requests have it; None if there is no such zone."""
        raise NotImplementedError

    def sets(self, zone: str) -> dict[tuple[str, str], list[str]]:
        """What is there beside SOA and the zone's own NS: (name, type) -> values, sorted, as a user writes them."""
        raise NotImplementedError

    def put(self, zone: str, name: str, type_: str, values: list[str]) -> None:
        """Somebody else makes or changes a set; without values it goes."""
        raise NotImplementedError

    def delete_zone(self, name: str) -> None:
        """Somebody else deletes it, with everything in it."""
        raise NotImplementedError

    def dig(self, name: str, type_: str) -> list[str]:
        host, port = self.server.split(":")
        asked = subprocess.run(["dig", f"@{host}", "-p", port, "+short", "+tcp", name, type_], capture_output=True, text=True, timeout=20)
        if asked.returncode:
            raise HarnessError(f"dig: {asked.stdout}{asked.stderr}")
        return sorted(asked.stdout.split("\n"))[1:]


def plain(type_: str, value: str) -> str:
    """Names without their last dot, texts joined."""
    if type_ == "TXT":
        strings = re.findall(r'"((?:[^"\\]|\\.)*)"', value) or [value]
        return '"' + "".join(strings) + '"'
    return value.rstrip(".")


def ask(method: str, url: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    request = urllib.request.Request(url, method=method, data=body, headers={"User-Agent": AGENT, **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise HarnessError(f"{method} {url}: {error.code} {error.read().decode(errors='replace')}") from error


class Cloudflare(NameService):
    backend = "cloudflare"

    def __init__(self, sandbox):
        self.sandbox = SandboxCloudflare(sandbox)
        self.environment = self.sandbox.environment

    def new_zone(self, name):
        self.sandbox.new_zone(name)

    def old_zone(self, name):
        self.sandbox.new_zone(name, hours_old=2)

    def zone_id(self, name):
        found = self.sandbox.zone(name)
        return found and found["id"]

    def delete_zone(self, name):
        ask("DELETE", f"{self.sandbox.record['base_url']}/zones/{self.zone_id(name)}", {"Authorization": f"Bearer {self.sandbox.record['api_token']}"})

    def sets(self, zone):
        found: dict[tuple[str, str], list[str]] = {}
        for record in self.sandbox.records(zone):
            value = record["content"]
            if record["type"] == "MX":
                value = f"{record['priority']} {value}"
            found.setdefault((record["name"], record["type"]), []).append(plain(record["type"], value))
        return {key: sorted(values) for key, values in found.items()}

    def put(self, zone, name, type_, values):
        found = self.sandbox.zone(zone)
        path = f"{self.sandbox.record['base_url']}/zones/{found['id']}/dns_records"
        headers = {"Authorization": f"Bearer {self.sandbox.record['api_token']}", "Content-Type": "application/json"}
        for record in found["records"]:
            if (record["name"], record["type"]) == (name, type_):
                ask("DELETE", f"{path}/{record['id']}", headers)
        for value in values:
            ask("POST", path, headers, json.dumps({"name": name, "type": type_, "content": value, "ttl": 1}).encode())

    def note(self, zone, content, **fields):
        """As somebody does in the dashboard, at the one record that has that content."""
        found = self.sandbox.zone(zone)
        (record,) = [r for r in found["records"] if r["content"] == content]
        ask("PATCH", f"{self.sandbox.record['base_url']}/zones/{found['id']}/dns_records/{record['id']}",
            {"Authorization": f"Bearer {self.sandbox.record['api_token']}", "Content-Type": "application/json"}, json.dumps(fields).encode())


class Route53(NameService):
    backend = "route53"

    def __init__(self, endpoint: str, access_key: str, secret_key: str, sandbox=None):
        self.sandbox = sandbox and SandboxRoute53(sandbox)
        self.endpoint, self.access_key, self.secret_key = endpoint, access_key, secret_key
        self.environment = {"AWS_ENDPOINT_URL_ROUTE_53": endpoint, "AWS_ACCESS_KEY_ID": access_key, "AWS_SECRET_ACCESS_KEY": secret_key,
                            "AWS_EC2_METADATA_DISABLED": "true"}

    def call(self, method: str, path: str, query: str = "", body: str = "") -> xml.etree.ElementTree.Element:
        """A signed request; answers without their XML namespace."""
        host = urllib.parse.urlsplit(self.endpoint).netloc
        now = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{now[:8]}/us-east-1/route53/aws4_request"
        hashed = hashlib.sha256(body.encode()).hexdigest()
        canonical = f"{method}\n{path}\n{query}\nhost:{host}\nx-amz-date:{now}\n\nhost;x-amz-date\n{hashed}"
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self.secret_key).encode()
        for step in (now[:8], "us-east-1", "route53", "aws4_request"):
            key = hmac.digest(key, step.encode(), "sha256")
        signature = hmac.digest(key, to_sign.encode(), "sha256").hex()
        headers = {"X-Amz-Date": now, "Authorization": f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, "
                   f"SignedHeaders=host;x-amz-date, Signature={signature}", "Content-Type": "application/xml"}
        text = ask(method, f"{self.endpoint}{path}" + (f"?{query}" if query else ""), headers, body.encode() or None).decode()
        return xml.etree.ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", text))

    def new_zone(self, name):
        self.call("POST", "/2013-04-01/hostedzone", body=(
            '<CreateHostedZoneRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'
            f"<Name>{name}.</Name><CallerReference>{name}-{time.time_ns()}</CallerReference></CreateHostedZoneRequest>"))

    def zone_id(self, name):
        zones = self.call("GET", "/2013-04-01/hostedzonesbyname", f"dnsname={name}.")
        return next((z.findtext("Id").rpartition("/")[2] for z in zones.iter("HostedZone") if z.findtext("Name") == name + "."), None)

    def delete_zone(self, name):
        for set_, type_ in self.sets(name):
            self.put(name, set_, type_, [])
        self.call("DELETE", f"/2013-04-01/hostedzone/{self.zone_id(name)}")

    def sets(self, zone):
        found = {}
        for one in self.call("GET", f"/2013-04-01/hostedzone/{self.zone_id(zone)}/rrset", "maxitems=300").iter("ResourceRecordSet"):
            name = one.findtext("Name").rstrip(".").replace("\\052", "*")
            if name == zone and one.findtext("Type") in ("NS", "SOA"):
                continue
            found[name, one.findtext("Type")] = sorted(plain(one.findtext("Type"), v.text) for v in one.iter("Value"))
        return found

    def put(self, zone, name, type_, values):
        now = next((s for s in self.call("GET", f"/2013-04-01/hostedzone/{self.zone_id(zone)}/rrset", "maxitems=300").iter("ResourceRecordSet")
                    if (s.findtext("Name"), s.findtext("Type")) == (name + ".", type_)), None)
        if values:
            action, values, ttl = "UPSERT", values, "300"
        elif now is not None:
            action, values, ttl = "DELETE", [v.text for v in now.iter("Value")], now.findtext("TTL")
        else:
            return
        records = "".join(f"<ResourceRecord><Value>{v}</Value></ResourceRecord>" for v in values)
        self.call("POST", f"/2013-04-01/hostedzone/{self.zone_id(zone)}/rrset/", body=(
            '<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes><Change>'
            f"<Action>{action}</Action><ResourceRecordSet><Name>{name}.</Name><Type>{type_}</Type><TTL>{ttl}</TTL>"
            f"<ResourceRecords>{records}</ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"))


class PowerDns(NameService):
    """By its API, or (`by_update`) by dynamic updates."""

    def __init__(self, record: dict[str, Any], by_update: bool = False):
        self.record = record
        self.server = record["server"]
        self.backend = "rfc2136" if by_update else "powerdns"
        self.environment = update_environment(record) if by_update else {"PDNS_SERVER_URL": record["endpoint"], "PDNS_API_KEY": record["api_key"]}
        self.can_make_zones = not by_update

    def call(self, method: str, path: str, body: Any = None) -> Any:
        for attempt in range(10):
            try:
                text = ask(method, f"{self.record['endpoint']}/api/v1/servers/localhost{path}",
                           {"X-API-Key": self.record["api_key"], "Content-Type": "application/json"}, body and json.dumps(body).encode())
                return text and json.loads(text)
            except HarnessError as error:  # its database is locked while another test writes
                if " 500 " not in str(error) or attempt == 9:
                    raise
                time.sleep(0.2)

    def new_zone(self, name):
        self.call("POST", "/zones", {"name": name + ".", "kind": "Master", "nameservers": [f"ns1.{name}."]})
        key = self.record["tsig_name"]
        self.call("PUT", f"/zones/{name}./metadata/TSIG-ALLOW-DNSUPDATE", {"kind": "TSIG-ALLOW-DNSUPDATE", "metadata": [key]})
        self.call("PUT", f"/zones/{name}.", {"master_tsig_key_ids": [key + "."]})  # who may transfer it

    def old_zone(self, name):
        self.new_zone(name)
        for values in (["192.0.2.1"], []):  # its serial tells of changes only
            self.put(name, f"was.{name}", "A", values)

    def zone_id(self, name):
        return next((zone["id"] for zone in self.call("GET", f"/zones?zone={name}.")), None)

    def delete_zone(self, name):
        self.call("DELETE", f"/zones/{name}.")

    def sets(self, zone):
        found = {}
        for one in self.call("GET", f"/zones/{zone}.")["rrsets"]:
            if one["name"] == zone + "." and one["type"] in ("NS", "SOA"):
                continue
            found[one["name"].rstrip("."), one["type"]] = sorted(plain(one["type"], r["content"]) for r in one["records"])
        return found

    def put(self, zone, name, type_, values):
        change = {"name": name + ".", "type": type_, "changetype": "REPLACE" if values else "DELETE", "ttl": 300}
        change["records"] = [{"content": value, "disabled": False} for value in values]
        self.call("PATCH", f"/zones/{zone}.", {"rrsets": [change]})


class Bind(NameService):
    backend = "rfc2136"
    can_make_zones = False

    def __init__(self, record: dict[str, Any], transfer: bool = True):
        self.record = record
        self.server = record["server"]
        self.environment = update_environment(record)
        self.transfer = transfer

    def new_zone(self, name, updates=""):
        """`updates`: who may change what, if not the key everything."""
        folder = pathlib.Path(self.record["rndc"][-1]).parent
        (folder / f"{name}.zone").write_text(
            f"$TTL 300\n@ IN SOA ns1.{name}. admin.{name}. 1 3600 600 86400 60\n@ IN NS ns1.{name}.\nns1 IN A 127.0.0.1\n")
        key = self.record["tsig_name"]
        updates = updates or f"allow-update {{ key {key}; }};"
        options = f'{{ type master; file "{name}.zone"; {updates} allow-transfer {{ key rndc; {f"key {key};" if self.transfer else ""} }}; }};'
        made = subprocess.run([*self.record["rndc"], "addzone", name, options], capture_output=True, text=True)
        if made.returncode:
            raise HarnessError(f"rndc addzone {name}: {made.stderr}")

    def sets(self, zone):
        host, port = self.server.split(":")
        # With the key of the test's own, which may always.
        listed = subprocess.run(["dig", f"@{host}", "-p", port, "-y", f"hmac-sha256:rndc:{self.record['tsig_secret']}", "+noall", "+answer", "+onesoa",
                                 zone, "AXFR"], capture_output=True, text=True, timeout=20).stdout
        found: dict[tuple[str, str], list[str]] = {}
        for line in listed.splitlines():
            name, _, _, type_, value = line.split(None, 4)
            name = name.rstrip(".").lower()
            if (name == zone and type_ in ("NS", "SOA")) or name == f"ns1.{zone}":
                continue
            found.setdefault((name, type_), []).append(plain(type_, value))
        return {key_: sorted(values) for key_, values in found.items()}

    def put(self, zone, name, type_, values):
        host, port = self.server.split(":")
        script = f"server {host} {port}\nzone {zone}\nupdate delete {name} {type_}\n"
        script += "".join(f"update add {name} 300 {type_} {value}\n" for value in values) + "send\n"
        key = f"{self.record['tsig_algorithm']}:{self.record['tsig_name']}:{self.record['tsig_secret']}"
        made = subprocess.run(["nsupdate", "-y", key], input=script, capture_output=True, text=True, timeout=20)
        if made.returncode:
            raise HarnessError(f"nsupdate: {made.stderr}")


def front(service: NameService, folder: pathlib.Path) -> tuple[Proxy | DnsProxy, dict[str, str]]:
    """Something in between that counts and loses messages, and what leads the provider there."""
    if service.backend == "rfc2136":
        made = DnsProxy(service.server)
        return made, {"DNS_UPDATE_SERVER": "127.0.0.1", "DNS_UPDATE_PORT": str(made.port)}
    variable = {"cloudflare": "CLOUDFLARE_BASE_URL", "route53": "AWS_ENDPOINT_URL_ROUTE_53", "powerdns": "PDNS_SERVER_URL"}[service.backend]
    url = service.environment[variable]
    made = Proxy(url, None, folder).start()
    return made, {variable: made.url + urllib.parse.urlsplit(url).path}


def update_environment(record: dict[str, Any]) -> dict[str, str]:
    host, port = record["server"].split(":")
    return {"DNS_UPDATE_SERVER": host, "DNS_UPDATE_PORT": port, "DNS_UPDATE_KEYNAME": record["tsig_name"],
            "DNS_UPDATE_KEYSECRET": record["tsig_secret"], "DNS_UPDATE_KEYALGORITHM": record["tsig_algorithm"]}


class RealNameServers:
    """One of each kind for all tests of a run, started when the first one asks."""

    def __init__(self, folder: pathlib.Path):
        self.folder = folder / "nameservers"

    def start(self, kind: str, clock_shift: str = "") -> dict[str, Any]:
        place = self.folder / f"{kind}{clock_shift}"
        place.mkdir(parents=True, exist_ok=True)
        with Exclusive(self.folder, place.name):
            self.command("start", kind, "--dir", str(place), *(["--clock-shift", clock_shift] if clock_shift else []))
            return json.loads((place / f"{kind}.json").read_text())

    def stop(self) -> None:
        for place in self.folder.glob("*/"):
            self.command("stop", "--dir", str(place))

    @staticmethod
    def command(*arguments: str) -> None:
        result = subprocess.run([sys.executable, str(SERVERS), *arguments], capture_output=True, text=True)
        if result.returncode:
            raise HarnessError(f"servers {' '.join(arguments)}: {result.stderr.strip() or result.stdout.strip()}")


def service(kind: str, folder: pathlib.Path, sandbox) -> NameService:
    """One of KINDS, or one of those with real servers and the seconds that its clock is ahead: bind+3600. `sandbox()` is called for
    those that it plays."""
    kind, _, clock_shift = kind.partition("+")
    if kind == "cloudflare":
        return Cloudflare(sandbox())
    if kind == "route53":
        record = SandboxRoute53(sandbox()).record
        return Route53(record["endpoint"], record["access_key"], record["secret_key"], sandbox())
    server = {"moto": "moto", "powerdns": "powerdns", "powerdns-updates": "powerdns", "bind": "bind", "bind-no-transfer": "bind"}[kind]
    record = RealNameServers(folder).start(server, clock_shift)
    if kind == "moto":
        return Route53(record["endpoint"], record["access_key"], record["secret_key"])
    if server == "powerdns":
        return PowerDns(record, by_update=kind == "powerdns-updates")
    return Bind(record, transfer=kind == "bind")


PLAYED = ("cloudflare", "route53")  # by the sandbox
KINDS = (*PLAYED, "moto", "powerdns", "powerdns-updates", "bind", "bind-no-transfer")
