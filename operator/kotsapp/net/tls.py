"""Every TLS context of the project, verifying as Go's programs do: kubectl, containerd, and most that serve a cluster.

Chain, name and dates decide (DESIGN 11). Python's own defaults differ from one version to the next: from 3.13 on they
also want what RFC 5280 asks of those who issue certificates (``VERIFY_X509_STRICT``), and refuse CAs and servers that a
whole cluster works with, for a missing Authority Key Identifier or key usage.
"""

import contextlib
import os
import ssl
import tempfile
from collections.abc import Iterator

# With PARTIAL_CHAIN an intermediate, or the certificate of the server itself, may be the CA.
_VERIFY = ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST | ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN


def client_context(
    *, ca_file: str | None = None, ca_data: str | None = None, system: bool = True, insecure: bool = False
) -> ssl.SSLContext:
    """A context for connections to servers whose certificate a CA of the system, ``ca_file`` or ``ca_data`` signed.

    ``ca_data`` holds PEM certificates. Without ``system`` the CAs of the system count for nothing; they are those of
    SSL_CERT_FILE and SSL_CERT_DIR where these are set, and loading them takes some 20 ms: keep the context.
    ``insecure`` takes any certificate. Raises OSError (ssl.SSLError among them) for CAs that can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags = _VERIFY
    # A name counts only where it stands among the subject's alternative names, since Go 1.15.
    context.hostname_checks_common_name = False
    if ca_file is not None or ca_data is not None:
        context.load_verify_locations(cafile=ca_file, cadata=ca_data)
    if system:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def certificate_problem(error: BaseException) -> str | None:
    """Why the server's certificate was refused, in OpenSSL's words; None when the error is about something else."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        # aiohttp's wrapper is an SSLCertVerificationError by its class alone.
        inner = getattr(current, "certificate_error", None)
        if inner is None and isinstance(current, ssl.SSLCertVerificationError):
            return (getattr(current, "verify_message", "") or "not valid for this name").rstrip(".")
        current = inner or current.__cause__ or current.__context__
    return None


def load_client_certificate(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """Present this client certificate (PEM, with its chain); in new connections, if the context has some already.

    Raises OSError (ssl.SSLError among them) when they can't be read or don't belong together.
    """
    with _file_of(f"{certificate}\n{key}".encode()) as file:
        # Without a password OpenSSL would ask the terminal for that of an encrypted key.
        context.load_cert_chain(file, password="")


@contextlib.contextmanager
def _file_of(content: bytes) -> Iterator[str]:
    """A file's name, for a library that takes no bytes; in memory, where the system has such files."""
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("certificate")
        try:
            os.write(number, content)
            yield f"/proc/self/fd/{number}"
        finally:
            os.close(number)
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
