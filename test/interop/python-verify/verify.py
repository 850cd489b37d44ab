"""What Python's ssl thinks of certificates: a second opinion for tests.

Each line of its input is one question, as go-verify reads them with the key of the leaf behind it (base64 of PEM), and is
answered by one line: "ok", or "refused" and the reason. Leaves are presented in handshakes of the present, in memory.
"""

import ssl
import sys
import tempfile
from base64 import b64decode


def pem(field):
    return "".join(ssl.DER_cert_to_PEM_cert(b64decode(each)) for each in field.split(",") if each)


def shake(client, server, name):
    """The handshake to its end on both sides; what either refuses it raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_side=False, server_hostname=name or None),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    waiting = list(ends)
    for _ in range(10):
        for end in list(waiting):
            try:
                end.do_handshake()
                waiting.remove(end)
            except ssl.SSLWantReadError:
                pass
        if not waiting:
            return
    raise ValueError("the handshake came to no end")


def answer(purpose, name, roots, chain):
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    server.load_cert_chain(chain)
    judge = client if purpose == "server" else server
    judge.verify_mode = ssl.CERT_REQUIRED
    judge.load_verify_locations(cadata=pem(roots))
    if purpose == "client":
        client.load_cert_chain(chain)
    client.check_hostname = purpose == "server" and name != ""
    shake(client, server, name)


for line in sys.stdin:
    _, purpose, name, _, roots, intermediates, leaf, key = line.rstrip("\n").split("\t")
    with tempfile.NamedTemporaryFile() as chain:
        chain.write(pem(leaf).encode() + pem(intermediates).encode() + b64decode(key))
        chain.flush()
        try:
            answer(purpose, name, roots, chain.name)
            print("ok")
        except Exception as error:
            print("refused", str(error).replace("\n", " "))
