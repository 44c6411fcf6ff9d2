"""The keys of a link: an authority that signs two certificates, one an end, and is then forgotten."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from declarative_paas.core.links import LinkKeys, LinkSpec
from declarative_paas.core.values import Sensitive

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder, Name, ObjectIdentifier

LIFETIME: Final = timedelta(days=3650)
RENEWED_BEFORE: Final = timedelta(days=90)
"""So long before their end keys are told to be old, and made anew by the next apply."""

_SKEW: Final = timedelta(days=1)
"""So far an end's clock may be behind ours."""


def make_link_keys(link: LinkSpec, now: datetime) -> tuple[LinkKeys, LinkKeys]:
    """(those of the source's end, those of the target's). The authority's own key is kept nowhere.

    The listener's certificate is good for serving and the dialler's for asking, so neither end can play the other.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    authority = ec.generate_private_key(ec.SECP256R1())
    root = _signed(_authority(link, authority, now), authority)
    server, client = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    listener = _builder(link, f"{link.label} listener", server, now)
    dialler = _builder(link, f"{link.label} dialler", client, now)
    return (
        _keys(root, _signed(_end(listener, ExtendedKeyUsageOID.SERVER_AUTH, f"*.{link.domain}"), authority), server),
        _keys(root, _signed(_end(dialler, ExtendedKeyUsageOID.CLIENT_AUTH, None), authority), client),
    )


def _authority(link: LinkSpec, key: EllipticCurvePrivateKey, now: datetime) -> CertificateBuilder:
    from cryptography import x509

    return _builder(link, link.label, key, now).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )


def _end(builder: CertificateBuilder, usage: ObjectIdentifier, name: str | None) -> CertificateBuilder:
    from cryptography import x509

    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    if name is None:
        return builder
    return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)


def _builder(link: LinkSpec, subject: str, key: EllipticCurvePrivateKey, now: datetime) -> CertificateBuilder:
    from cryptography import x509

    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(link.label))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + LIFETIME)
    )


def _name(common: str) -> Name:
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _signed(builder: CertificateBuilder, authority: EllipticCurvePrivateKey) -> Certificate:
    from cryptography.hazmat.primitives import hashes

    return builder.sign(authority, hashes.SHA256())


def _keys(root: Certificate, certificate: Certificate, key: EllipticCurvePrivateKey) -> LinkKeys:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return LinkKeys(
        authority=root.public_bytes(Encoding.PEM).decode(),
        certificate=certificate.public_bytes(Encoding.PEM).decode(),
        key=Sensitive(private.decode()),
    )
