"""Looks for secrets in everything that a stack left behind, in all forms they travel in."""

import base64
import hashlib
import io
import json
import pathlib
import re
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator

SHORTEST = 8  # bytes; anything shorter occurs by chance


def forms(secret: str) -> dict[bytes, str]:
    """What the secret looks like in a file -> what that form is called."""
    raw = secret.encode()
    if len(raw) < SHORTEST:
        raise ValueError(f"a secret of {len(raw)} bytes occurs by chance; use {SHORTEST} or more")
    found: dict[bytes, str] = {}

    def add(text: bytes, called: str) -> None:
        if len(text) >= SHORTEST:
            found.setdefault(text, called)

    add(raw, "plain")
    add(json.dumps(secret)[1:-1].encode(), "JSON")
    add(json.dumps(json.dumps(secret)[1:-1])[1:-1].encode(), "JSON in JSON")
    add(urllib.parse.quote(secret, safe="").encode(), "URL")
    add(urllib.parse.quote_plus(secret).encode(), "URL form")
    for once, _ in list(_base64(raw)):
        add(once, "base64")
        for twice, _ in _base64(once):
            add(twice, "base64 of base64")
    add(raw.hex().encode(), "hex")
    add(raw.hex().upper().encode(), "hex")
    add(" ".join(str(b) for b in raw).encode(), "list of bytes")
    # A hash without a key lets anybody check a guess.
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(algorithm, raw).digest()
        add(digest, f"{algorithm}, raw")
        add(digest.hex().encode(), f"{algorithm}, hex")
        add(base64.b64encode(digest).rstrip(b"="), f"{algorithm}, base64")
    return found


def _base64(raw: bytes) -> Iterator[tuple[bytes, int]]:
    """The characters that are certain when `raw` stands at each of the three offsets of a text."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        for offset in range(3):
            text = encode(b"\0" * offset + raw).rstrip(b"=")
            start = (0, 2, 3)[offset]  # characters that depend on what stands before
            length = (offset + len(raw)) * 8 // 6  # the rest depends on what follows
            yield text[start:length], offset


def find(secrets: Iterable[str], *places: pathlib.Path) -> list[str]:
    """Where any form of any secret occurs: "file: form of secret number n", never the secret."""
    wanted = [(number, forms(secret)) for number, secret in enumerate(secrets)]
    found = []
    for place in places:
        files = [p for p in sorted(place.rglob("*")) if p.is_file() and not p.is_symlink()]
        for path in files if place.is_dir() else [place]:
            for name, content in _contents(str(path), path.read_bytes()):
                for number, shapes in wanted:
                    found += [
                        f"{name}: {called} form of secret number {number}"
                        for text, called in shapes.items() if text in content
                    ]
    return found


def _contents(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    """A file, and what is packed in it: a saved plan is a zip archive."""
    yield name, data
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for entry in archive.namelist():
                yield from _contents(f"{name}:{entry}", archive.read(entry))
    # A log wraps and escapes; what it broke over lines is looked at in one piece too.
    if b"\\n" in data or b"\n" in data:
        yield f"{name} (unwrapped)", re.sub(rb"\s*\n\s*|\\n", b"", data)
