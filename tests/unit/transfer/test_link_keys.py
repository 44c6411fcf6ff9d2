"""Certificates of a link: made together, good for one part each, and for nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from declarative_paas.core.address import Scope
from declarative_paas.core.links import LinkKeys, LinkSpec
from declarative_paas.transfer.link_keys import LIFETIME, make_link_keys

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
LINK = LinkSpec(scope=Scope("acme"), id="a1", source="us", target="eu")


@pytest.fixture(scope="module")
def ends() -> tuple[LinkKeys, LinkKeys]:
    return make_link_keys(LINK, NOW)


def certificate(keys: LinkKeys) -> x509.Certificate:
    return x509.load_pem_x509_certificate(keys.certificate.encode())


def test_both_are_signed_by_the_one_authority_of_this_making(ends: tuple[LinkKeys, LinkKeys]):
    assert ends[0].generation == ends[1].generation != make_link_keys(LINK, NOW)[0].generation
    authority = x509.load_pem_x509_certificate(ends[0].authority.encode())
    for keys in ends:
        certificate(keys).verify_directly_issued_by(authority)


def test_the_key_is_the_certificates_and_the_authoritys_is_nowhere(ends: tuple[LinkKeys, LinkKeys]):
    authority = x509.load_pem_x509_certificate(ends[0].authority.encode()).public_key()
    for keys in ends:
        public = load_pem_private_key(keys.key.reveal().encode(), None).public_key()
        assert public == certificate(keys).public_key() != authority


def test_neither_end_can_play_the_other_and_none_can_sign(ends: tuple[LinkKeys, LinkKeys]):
    usages = [certificate(keys).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value for keys in ends]
    assert [list(usage) for usage in usages] == [[ExtendedKeyUsageOID.SERVER_AUTH], [ExtendedKeyUsageOID.CLIENT_AUTH]]
    for keys in ends:
        constraints = certificate(keys).extensions.get_extension_for_class(x509.BasicConstraints)
        assert constraints.critical
        assert not constraints.value.ca


def test_the_listener_is_named_for_every_route_of_its_link_and_no_other(ends: tuple[LinkKeys, LinkKeys]):
    names = certificate(ends[0]).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [f"*.{LINK.label}.dpaas-link.internal"]


def test_they_are_good_for_ten_years_also_on_a_machine_whose_clock_is_behind(ends: tuple[LinkKeys, LinkKeys]):
    for keys in ends:
        assert certificate(keys).not_valid_before_utc <= NOW - timedelta(hours=12)
        assert certificate(keys).not_valid_after_utc == NOW + LIFETIME
