"""A workload in Python that gets its identity by the package spiffe. What it finds it prints as JSON, an object per line."""

import json
import socket
import ssl
import sys
import tempfile

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from spiffe import JwtSource, JwtSvid, WorkloadApiClient, X509Source


def say(what):
    print(json.dumps(what), flush=True)


def svids_of(context):
    return [
        {"id": str(svid.spiffe_id), "serial": f"{svid.leaf.serial_number:032x}", "chain": len(svid.cert_chain)}
        for svid in context.x509_svids
    ]


def domains_of(bundles):
    return sorted(bundle.trust_domain.name for bundle in bundles)


def refusal_of(act):
    try:
        act()
        return None
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def fetch(audience):
    with WorkloadApiClient() as client:
        context = client.fetch_x509_context(timeout=10)
        with X509Source(timeout_in_seconds=10) as source, JwtSource(timeout_in_seconds=10) as tokens:
            first = source.get_x509_context().default_svid.spiffe_id
            token = tokens.fetch_svid({audience}, subject=first)
            bundle = tokens.get_bundle_for_trust_domain(first.trust_domain)
            checked = JwtSvid.parse_and_validate(token.token, bundle, {audience})
        validated = client.validate_jwt_svid(token.token, audience)
        say(
            {
                "svids": svids_of(context),
                "default": str(first),
                "jwt": {
                    "id": str(token.spiffe_id),
                    "audience": sorted(token.audience),
                    "checked": str(checked.spiffe_id),
                    "validated": str(validated.spiffe_id),
                },
                "bundles": {
                    "x509": domains_of(client.fetch_x509_bundles().bundles),
                    "jwt": domains_of(client.fetch_jwt_bundles().bundles),
                },
                "refused": {"audience": refusal_of(lambda: client.validate_jwt_svid(token.token, "another"))},
            }
        )


def watch():
    with WorkloadApiClient() as client:
        handle = client.stream_x509_contexts(
            lambda context: say({"svids": svids_of(context), "bundles": domains_of(context.x509_bundle_set.bundles)}),
            lambda error: say({"error": str(error)}),
        )
        sys.stdin.read()
        handle.cancel()


def call(url, peer):
    """By Python's own ssl: the package has no mTLS. The peer's ID is compared after the chain was proved."""
    with X509Source(timeout_in_seconds=10) as source, tempfile.NamedTemporaryFile() as pem:
        svid = source.get_x509_context().default_svid
        bundle = source.get_bundle_for_trust_domain(svid.spiffe_id.trust_domain)
        for certificate in svid.cert_chain:
            pem.write(certificate.public_bytes(Encoding.PEM))
        pem.write(svid.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        pem.flush()
        context = ssl.create_default_context(
            cadata="".join(root.public_bytes(Encoding.PEM).decode() for root in bundle.x509_authorities)
        )
        context.check_hostname = False
        context.load_cert_chain(pem.name)
        host, port = url.removeprefix("https://").rstrip("/").split(":")
        with socket.create_connection((host, int(port)), 10) as raw, context.wrap_socket(raw) as tls:
            names = [name for kind, name in tls.getpeercert()["subjectAltName"] if kind == "URI"]
            if names != [peer]:
                raise ValueError(f"expected {peer}, got {names}")
            tls.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            text = b"".join(iter(lambda: tls.recv(65536), b"")).decode()
        head, _, body = text.partition("\r\n\r\n")
        say({"status": int(head.split(" ")[1]), "body": body})


try:
    {"fetch": fetch, "watch": watch, "call": call}[sys.argv[1]](*sys.argv[2:])
except Exception as error:
    say({"error": f"{type(error).__name__}: {error}"})
    sys.exit(1)
