"""Certificates for TLS tests: one CA, and server certificates that are good or bad in one way.

Bare ones carry what Go and OpenSSL need, and nothing of what RFC 5280 asks of an issuer beyond that: the CA has
basicConstraints alone, as an EKS cluster's, and no certificate has key identifiers.
"""

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA whose certificate is at ``file``; it signs server certificates."""

    folder: Path
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def create(
        cls, folder: Path, *, bare: bool = False, issuer: "Authority | None" = None, ca: bool = True
    ) -> "Authority":
        """A CA that signed itself, or that ``issuer`` signed; one that says of itself that it is none if not ``ca``."""
        key = ec.generate_private_key(ec.SECP256R1())
        # OpenSSL tells CAs of one name apart by key identifiers alone, so that each folder's has its own.
        name = _name(f"test CA {folder.name}")
        builder = _builder(name, issuer.certificate.subject if issuer else name, key, NOW - DAY, NOW + DAY, bare)
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=not bare)
        if not bare:
            builder = builder.add_extension(_CA_USAGE, critical=True)
        certificate = builder.sign(issuer.key if issuer else key, hashes.SHA256())
        authority = cls(folder, key, certificate)
        authority.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return authority

    @property
    def file(self) -> Path:
        return self.folder / "ca.pem"

    def server(
        self, name: str, *, expired: bool = False, self_signed: bool = False, bare: bool = False, san: bool = True
    ) -> ssl.SSLContext:
        """A server's TLS context with a certificate for the name; without ``san`` the subject alone says which."""
        file = self.issue(name, expired=expired, self_signed=self_signed, bare=bare, san=san)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def issue(
        self, name: str, *, expired: bool = False, self_signed: bool = False, bare: bool = False, san: bool = True
    ) -> Path:
        """A file with a private key and a certificate for the name, for servers and clients."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = _name(name) if self_signed else self.certificate.subject
        issuer_key = key if self_signed else self.key
        until = NOW - DAY if expired else NOW + DAY
        builder = _builder(_name(name), issuer, key, NOW - 3 * DAY, until, bare)
        if san:
            builder = builder.add_extension(x509.SubjectAlternativeName([_san(name)]), critical=False)
        if not bare:
            identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
            builder = builder.add_extension(identifier, critical=False)
        certificate = builder.sign(issuer_key, hashes.SHA256())
        file = self.folder / f"{name}-{expired}-{self_signed}-{bare}-{san}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        return file


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    since: datetime.datetime,
    until: datetime.datetime,
    bare: bool,
) -> x509.CertificateBuilder:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )
    if bare:
        return builder
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


_CA_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
