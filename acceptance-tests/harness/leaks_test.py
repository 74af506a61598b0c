import base64
import hashlib
import json
import zipfile

import pytest

from harness import leaks

SECRET = "Zm9v/pa+ss wörd&1"

WRITTEN = {
    "plain": SECRET,
    "in JSON": json.dumps({"password": SECRET}),
    "JSON in JSON": json.dumps(json.dumps({"password": SECRET})),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "base64 of more": base64.b64encode(f"user=me;password={SECRET};x=1".encode()).decode(),
    "base64, one byte before": base64.b64encode(f"u{SECRET}tail".encode()).decode(),
    "base64, two bytes before": base64.b64encode(f"uu{SECRET}tail".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"??{SECRET}".encode()).decode(),
    "base64 twice": base64.b64encode(
        json.dumps({"data": base64.b64encode(SECRET.encode()).decode()}).encode()).decode(),
    "hex": SECRET.encode().hex(),
    "upper-case hex": SECRET.encode().hex().upper(),
    "URL": "https://x/?q=Zm9v%2Fpa%2Bss%20w%C3%B6rd%261",
    "form": "q=Zm9v%2Fpa%2Bss+w%C3%B6rd%261",
    "bytes": str(list(SECRET.encode())).replace(",", ""),
    "sha256": hashlib.sha256(SECRET.encode()).hexdigest(),
    "sha1, base64": base64.b64encode(hashlib.sha1(SECRET.encode()).digest()).decode(),
    "wrapped in a log": SECRET[:7] + "\n    " + SECRET[7:],
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_finds(tmp_path, text):
    (tmp_path / "log").write_text(f"before {text} after")
    found = leaks.find(["something else", SECRET], tmp_path)
    assert found and all("number 1" in line and SECRET not in line for line in found)


def test_looks_into_saved_plans(tmp_path):
    with zipfile.ZipFile(tmp_path / "tfplan", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tfstate", json.dumps({"a": SECRET}))
    assert leaks.find([SECRET], tmp_path)


def test_finds_nothing_where_nothing_is(tmp_path):
    (tmp_path / "state").write_text(json.dumps({"password": None, "version": "1"}) * 1000)
    assert leaks.find([SECRET], tmp_path) == []


def test_refuses_secrets_that_occur_by_chance(tmp_path):
    with pytest.raises(ValueError):
        leaks.find(["abc"], tmp_path)
