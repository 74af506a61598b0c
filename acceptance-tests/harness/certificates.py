"""Certificates for loopback servers and clients of the tests."""

import dataclasses
import datetime
import ipaddress
import pathlib
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: bytes
    key: bytes

    def write(self, folder: pathlib.Path, name: str) -> tuple[pathlib.Path, pathlib.Path]:
        """Writes NAME.crt and NAME.key; returns their paths."""
        paths = folder / f"{name}.crt", folder / f"{name}.key"
        paths[0].write_bytes(self.certificate)
        paths[1].touch(mode=0o600)
        paths[1].write_bytes(self.key)
        return paths


class Authority:
    """A certificate authority that exists for one test."""

    def __init__(self, name: str = "charon-test-authority"):
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        certificate = _sign(self._name, self._name, self._key.public_key(), self._key, authority=True)
        self.pem = certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        name: str = "localhost",
        addresses: tuple[str, ...] = ("127.0.0.1",),
        not_before: datetime.timedelta = -DAY,
        not_after: datetime.timedelta = DAY,
    ) -> Pair:
        """A certificate for a server or client; its validity is relative to now."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(
            _name(name), self._name, key.public_key(), self._key,
            names=[x509.DNSName(name)] + [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses],
            not_before=not_before, not_after=not_after,
        )
        return _pair(certificate, key)


def plugin_client() -> Pair:
    """What Terraform presents to a plugin: self-signed, P-521, CN localhost, CA:true."""
    key = ec.generate_private_key(ec.SECP521R1())
    name = x509.Name([
        x509.NameAttribute(NameOID.COMMON_NAME, "localhost"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "HashiCorp"),
    ])
    certificate = _sign(
        name, name, key.public_key(), key, names=[x509.DNSName("localhost")], authority=True,
        digest=hashes.SHA512(),
    )
    return _pair(certificate, key)


def server_context(pair: Pair, folder: pathlib.Path, name: str) -> ssl.SSLContext:
    """A TLS server context; Python's ssl module reads keys from files only."""
    certificate, key = pair.write(folder, name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _sign(
    subject, issuer, public_key, signer, *, names=(), authority=False,
    not_before=-DAY, not_after=DAY, digest=None,
) -> x509.Certificate:
    now = datetime.datetime.utcnow()
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + not_before)
        .not_valid_after(now + not_after)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if names:
        usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(signer, digest or hashes.SHA256())


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    return Pair(
        certificate.public_bytes(serialization.Encoding.PEM),
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
