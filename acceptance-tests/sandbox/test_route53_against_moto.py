"""The sandbox's Route 53 against moto's: the same requests, the same answers, where moto does what AWS documents.

    /usr/bin/python3 -m pytest acceptance-tests/sandbox -k route53

What moto leaves out, or has in another form than AWS, is named in `LEFT_OUT` and `OTHER_WORDS` with the reason.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.error
import xml.etree.ElementTree

import pytest

import comparison
from harness.cli import ROOT
from harness.clusters import SandboxCluster
from harness.dns import SandboxRoute53
from harness.errors import HarnessError
from harness.nameservers import Route53

SERVERS = ROOT / "acceptance-tests/servers/servers"
ZONE = "/2013-04-01/hostedzone/{zone}"


def changes(*sets):
    """A change batch of (action, name, type, ttl, values, more)."""
    text = ""
    for action, name, type_, ttl, values, *more in sets:
        records = "".join(f"<ResourceRecord><Value>{value}</Value></ResourceRecord>" for value in values)
        body = f"<TTL>{ttl}</TTL><ResourceRecords>{records}</ResourceRecords>" if values else ""
        text += (f"<Change><Action>{action}</Action><ResourceRecordSet><Name>{name}</Name><Type>{type_}</Type>{''.join(more)}{body}"
                 "</ResourceRecordSet></Change>")
    return ('<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes>'
            f"{text}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>")


def alias(zone, name):
    return (f"<AliasTarget><HostedZoneId>{zone}</HostedZoneId><DNSName>{name}</DNSName>"
            "<EvaluateTargetHealth>false</EvaluateTargetHealth></AliasTarget>")


A, SETS = ("A", 300, ["192.0.2.1"]), f"{ZONE}/rrset"
STORY = [
    ("GET", "/2013-04-01/hostedzone", "", ""),
    ("GET", "/2013-04-01/hostedzonesbyname", "dnsname=example.org.", ""),
    ("GET", ZONE, "", ""),
    ("GET", "/2013-04-01/hostedzone/ZNONE", "", ""),
    ("GET", "/2013-04-01/hostedzonecount", "", ""),
    ("POST", SETS, "", changes(("CREATE", "www.example.org", *A))),
    ("POST", SETS, "", changes(("CREATE", "www.example.org", *A))),
    ("POST", SETS, "", changes(("DELETE", "none.example.org", *A))),
    ("POST", SETS, "", changes(("UPSERT", "www.example.org.", "A", 60, ["192.0.2.1", "192.0.2.2"]),
                               ("UPSERT", "*.example.org", "TXT", 60, ['"a b"']), ("CREATE", "mx.example.org", "MX", 60, ["10 m.example.net."]))),
    ("POST", SETS, "", changes(("CREATE", "half.example.org", *A), ("CREATE", "www.example.org", *A))),
    ("POST", SETS, "", changes(*[("CREATE", "w.example.org", *A, f"<SetIdentifier>{i}</SetIdentifier><Weight>{i}</Weight>") for i in (1, 2)])),
    ("POST", SETS, "", changes(("CREATE", "alias.example.org", "A", 0, [], alias("{zone}", "www.example.org.")))),
    ("POST", SETS, "", changes(("CREATE", "www.other.org", *A))),
    ("GET", SETS, "", ""),
    ("GET", SETS, "maxitems=2", ""),
    ("GET", SETS, "maxitems=3&name=w.example.org.", ""),
    ("GET", SETS, "maxitems=1&name=w.example.org.&type=A", ""),
    ("DELETE", ZONE, "", ""),
    ("POST", SETS, "", changes(("DELETE", "www.example.org.", "A", 60, ["192.0.2.1", "192.0.2.2"]))),
    ("GET", SETS, "", ""),
    ("POST", "/2013-04-01/hostedzone/ZNONE/rrset", "", changes(("CREATE", "www.example.org", *A))),
    ("POST", ZONE, "", '<UpdateHostedZoneCommentRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><Comment>main</Comment></UpdateHostedZoneCommentRequest>'),
    ("GET", ZONE, "", ""),
]


class Server:
    def __init__(self, service):
        self.service = service
        self.service.new_zone("example.org")
        self.zone = self.service.zone_id("example.org")

    def send(self, method, path, query, body):
        """Status and the answer's elements."""
        try:
            tree = self.service.call(method, path.format(zone=self.zone), query, body.replace("{zone}", self.zone))
            return 200, elements(tree)
        except HarnessError as error:
            assert isinstance(error.__cause__, urllib.error.HTTPError), error
            text = re.sub(r' xmlns="[^"]*"', "", str(error).split(f": {error.__cause__.code} ", 1)[1])
            return error.__cause__.code, elements(xml.etree.ElementTree.fromstring(text))


# Elements that moto does not send, or that it alone sends.
LEFT_OUT = {
    "Marker": "documented as always there",
    "NextRecordIdentifier": "documented for sets that share name and type",
    "DelegationSet": "moto's has an id, which AWS gives to reusable ones only",
    "message": "moto repeats the message in lower case",
    "RequestId": "differs", "CallerReference": "differs", "SubmittedAt": "differs", "Status": "of changes: moto has INSYNC at once",
}
# By step: where the texts are AWS's, as its users quote them, and moto's are not.
OTHER_WORDS = {
    7: "moto takes the deletion of a set that is not there for an incomplete request",
    12: "moto leaves out the final dot",
    17: "moto says in words of its own that the zone is not empty",
}


def elements(node):
    """As nested dictionaries of sorted lists: order says nothing but within a list of sets."""
    if node.tag in ("ErrorResponse", "InvalidChangeBatch"):
        # AWS has a form of its own for refused batches; SDKs take both.
        code = node.findtext("Error/Code") or node.tag
        return {"error": code, "message": node.findtext("Error/Message") or "; ".join(m.text for m in node.iter("Message"))}
    if not len(node):
        text = f"<{node.tag}>" if node.tag in ("Id", "HostedZoneId") else (node.text or "")
        return re.sub(r"Z[0-9A-Z]{10,}", "<zone>", text.replace("*.", "\\052."))  # AWS escapes the asterisk.
    found = {}
    for child in node:
        if child.tag not in LEFT_OUT:
            found.setdefault(child.tag, []).append(elements(child))
    if found.get("Type") == ["SOA"] or (found.get("Type") == ["NS"] and found["Name"] == ["example.org."]):
        found.pop("ResourceRecords"), found.pop("TTL")  # The servers that answer for the zone are others.
    return found


@pytest.fixture
def both(tmp_path):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="charon-"))
    run = subprocess.run([SERVERS, "start", "moto", "--dir", folder], capture_output=True, text=True)
    if run.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        (pytest.fail if os.environ.get("CI") else pytest.skip)(run.stderr)
    sandbox = SandboxCluster(tmp_path / "sandbox")
    try:
        record = json.loads((folder / "moto.json").read_text())
        moto = Server(Route53(record["endpoint"], record["access_key"], record["secret_key"]))
        played = SandboxRoute53(sandbox).record
        yield moto, Server(Route53(played["endpoint"], played["access_key"], played["secret_key"]))
    finally:
        sandbox.close()
        subprocess.run([SERVERS, "stop", "--dir", folder], capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def test_same_answers(both):
    moto, sandbox = both
    found = []
    for number, step in enumerate(STORY):
        answers = [server.send(*step) for server in (moto, sandbox)]
        for _, answer in answers:
            if step[1].endswith("byname"):  # moto leaves out how many there may be.
                answer.pop("IsTruncated", None), answer.pop("MaxItems", None)
            if number in OTHER_WORDS:
                answer.pop("message"), answer.pop("error")
        lines = comparison.differences(*answers)
        found += [f"step {number} {step[:3]} {line}".replace("real ", "moto ") for line in lines]
    assert not found, "\n".join(found)
