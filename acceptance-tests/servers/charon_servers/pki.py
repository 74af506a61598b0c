"""The keys and certificates of a cluster, made with the openssl program."""

import concurrent.futures
import pathlib
import shutil
import subprocess

from charon_servers.errors import Failure

DAYS = "3650"
NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc")

# File name -> subject. The names and groups are those that Kubernetes gives rights to.
CLIENTS = {
    "admin": "/O=system:masters/CN=charon-admin",
    "kwok": "/O=system:masters/CN=kwok",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "front-proxy": "/CN=front-proxy",
}


def create(folder: pathlib.Path) -> None:
    """Creates ca, service-account, server and the client certificates as NAME.crt and NAME.key."""
    folder.mkdir(mode=0o700, exist_ok=True)
    certificate(folder, "ca", "/CN=charon-test-ca", ca="TRUE", usage="keyCertSign,digitalSignature")
    jobs = [
        ("server", "/CN=kube-apiserver", {
            "issuer": "ca", "extended": "serverAuth",
            "names": "DNS:localhost,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1",
        }),
        ("service-account", "/CN=service-account", {"issuer": "ca"}),
        *((name, subject, {"issuer": "ca", "extended": "clientAuth"})
          for name, subject in CLIENTS.items()),
    ]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = [pool.submit(certificate, folder, name, subject, **how) for name, subject, how in jobs]
        for one in done:
            one.result()


def certificate(
    folder: pathlib.Path,
    name: str,
    subject: str,
    *,
    issuer: str = "",
    ca: str = "FALSE",
    usage: str = "digitalSignature",
    extended: str = "",
    names: str = "",
) -> None:
    """One key and its certificate, signed by `issuer` or by itself."""
    command = ["req", "-x509", *NEW_KEY, "-days", DAYS, "-subj", subject]
    command += ["-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt"]
    command += ["-addext", f"basicConstraints=critical,CA:{ca}"]
    command += ["-addext", f"keyUsage=critical,{usage}"]
    if issuer:
        command += ["-CA", f"{folder}/{issuer}.crt", "-CAkey", f"{folder}/{issuer}.key"]
    if extended:
        command += ["-addext", f"extendedKeyUsage={extended}"]
    if names:
        command += ["-addext", f"subjectAltName={names}"]
    openssl = shutil.which("openssl")
    if not openssl:
        raise Failure("the openssl program is missing; install the package openssl")
    # An empty configuration: the system's one would add its own extensions to these.
    run = subprocess.run(
        [openssl, *command, "-config", "/dev/stdin"],
        input="[req]\ndistinguished_name=name\n[name]\n", capture_output=True, text=True,
    )
    if run.returncode:
        raise Failure(f"openssl could not make the certificate {name}:\n{run.stderr}")
