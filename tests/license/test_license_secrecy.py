"""The license id is a credential: it is in the License for the pull secret, and nowhere else."""

import logging
import traceback

import pytest

from harness.licensed import LICENSE_ID, VERSIONS, Vendor, edited, license_document, write
from kotsapp.license import LicenseError, Policy, load

AUTH = "TElDRU5TRV9JRDo"


@pytest.mark.parametrize("policy", Policy)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_license_never_shows_its_id(
    vendor: Vendor, version: str, policy: Policy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    forged = edited(vendor.license(version), lambda spec: spec.update(licenseID=f"{LICENSE_ID}-other"))
    for license in (load(vendor.license(version), vendor.trusted, policy), load(forged, vendor.trusted, policy)):
        assert license.license_id == LICENSE_ID
        shown = f"{license} {license!r} {license.warnings} {license.differences} {caplog.text}"
        assert LICENSE_ID not in shown
        assert AUTH not in shown


@pytest.mark.parametrize(
    "data",
    [
        f"licenseID: {LICENSE_ID}\n\t{LICENSE_ID}: [",
        f"spec: {{licenseID: {LICENSE_ID}",
        f"{LICENSE_ID}",
        f"apiVersion: kots.io/v1beta1\nkind: License\nspec:\n  licenseID: [{LICENSE_ID}]\n",
        f"apiVersion: kots.io/v1beta1\nkind: License\nspec:\n  licenseID: {LICENSE_ID}\n  appSlug: ''\n",
        f"apiVersion: kots.io/v1beta1\nkind: License\nspec:\n  licenseID: '{LICENSE_ID} x'\n  appSlug: a\n",
        f"apiVersion: kots.io/v1beta1\nkind: License\nspec:\n  signature: '{LICENSE_ID}'\n",
    ],
)
@pytest.mark.parametrize("policy", Policy)
def test_a_refusal_never_shows_it_not_even_in_its_traceback(vendor: Vendor, data: str, policy: Policy) -> None:
    with pytest.raises(LicenseError) as caught:
        load(data.encode(), vendor.trusted, policy)
    error = caught.value
    assert LICENSE_ID not in "".join(traceback.format_exception(error)) + repr(error) + str(error.args)


def test_entitlement_values_are_not_in_a_representation(vendor: Vendor) -> None:
    document = license_document(entitlements={"token": {"value": "vendors-secret"}})
    license = load(write(document), vendor.trusted, Policy.WARN)
    assert license.entitlements["token"].value == "vendors-secret"
    assert "vendors-secret" not in repr(license)
