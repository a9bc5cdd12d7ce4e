"""Which keys are trusted: the published ones, and those of the administrator's folder, each under its file's name."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.licensed import Vendor
from kotsapp.license import LicenseError, LicenseReason, TrustedKeys, TrustedKeysError, load

PUBLISHED = (
    "1d3f7f6b50714fe7b895554dd65773b0",
    "bdee56560cfb43c9b28bf98eacafa646",
    "de2c275656d04b1bb0f15cf70f0ea2a2",
)


def public_pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def test_the_published_keys_are_always_trusted() -> None:
    assert TrustedKeys.load().ids == PUBLISHED


def test_a_folder_adds_its_keys_by_their_file_names(tmp_path: Path, vendor: Vendor) -> None:
    (tmp_path / "our-vendor.2026.pem").write_bytes(vendor.keys.trusted_pem)
    keys = TrustedKeys.load(tmp_path)
    assert keys.ids == tuple(sorted((*PUBLISHED, "our-vendor.2026")))
    assert keys.find("our-vendor.2026") == vendor.keys.global_key.public_key()
    assert keys.find("another") is None


def test_a_license_counts_once_its_vendors_key_is_in_the_folder(tmp_path: Path, vendor: Vendor) -> None:
    signed = vendor.license()
    with pytest.raises(LicenseError) as caught:
        load(signed, TrustedKeys.load())
    assert caught.value.reason is LicenseReason.KEY_UNKNOWN
    assert vendor.keys.key_id in caught.value.message
    (tmp_path / f"{vendor.keys.key_id}.pem").write_bytes(vendor.keys.trusted_pem)
    assert load(signed, TrustedKeys.load(tmp_path)).app_slug == "my-kots-app"


def test_a_mounted_folder_is_read_through_its_links(tmp_path: Path, vendor: Vendor) -> None:
    """Kubernetes mounts a ConfigMap as hidden folders and links into them."""
    (tmp_path / "..2026_01_01").mkdir()
    (tmp_path / "..2026_01_01" / "key1.pem").write_bytes(vendor.keys.trusted_pem)
    (tmp_path / "..data").symlink_to("..2026_01_01")
    (tmp_path / "key1.pem").symlink_to("..data/key1.pem")
    (tmp_path / "README").write_text("keys of ours")
    assert TrustedKeys.load(tmp_path).find("key1") is not None


def test_a_published_key_may_be_there_again(tmp_path: Path) -> None:
    key = TrustedKeys.load().find(PUBLISHED[0])
    assert key is not None
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / f"{PUBLISHED[0]}.pem").write_bytes(pem)
    assert TrustedKeys.load(tmp_path).ids == PUBLISHED


def private(vendor: Vendor) -> bytes:
    return vendor.keys.private_pems()[0]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("key1.pem", lambda _: b"", "not a PEM public key"),
        ("key1.pem", lambda _: b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", "not a PEM public key"),
        ("key1.pem", private, "holds a private key"),
        ("key1.pem", lambda _: public_pem(ec.generate_private_key(ec.SECP256R1())), "not an RSA key"),
        ("key1.pem", lambda _: public_pem(rsa.generate_private_key(65537, 1024)), "its key has 1024 bits"),
        ("key1.pem", lambda _: b"x" * 20_000, "larger than 16 KiB"),
        ("key 1.pem", lambda vendor: vendor.keys.trusted_pem, "named by its key id"),
        (f"{PUBLISHED[0]}.pem", lambda vendor: vendor.keys.trusted_pem, "belongs to a published key"),
    ],
)
def test_a_file_that_is_no_trusted_key_is_named(
    tmp_path: Path, vendor: Vendor, name: str, content: Callable[[Vendor], bytes], problem: str
) -> None:
    (tmp_path / name).write_bytes(content(vendor))
    with pytest.raises(TrustedKeysError) as caught:
        TrustedKeys.load(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert problem in str(caught.value)
    assert "PRIVATE" not in str(caught.value)


def test_a_folder_without_keys_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrustedKeysError, match=r"holds no trusted key; expected files named <key id>\.pem"):
        TrustedKeys.load(tmp_path)
    with pytest.raises(TrustedKeysError, match=r"can't read the folder of trusted keys: No such file"):
        TrustedKeys.load(tmp_path / "nowhere")
    (tmp_path / "key1.pem").mkdir()
    with pytest.raises(TrustedKeysError, match=r"key1\.pem: can't read it: Is a directory"):
        TrustedKeys.load(tmp_path)
