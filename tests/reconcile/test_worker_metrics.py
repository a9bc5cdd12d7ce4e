"""What an operator at work shows to Prometheus of its apps, and of what went wrong."""

from harness.cluster import NAMESPACE, config_map, deployment
from harness.fakekube import Match
from harness.inprocess import PRIVATE, operating
from harness.licenses import Signer
from harness.virtual_time import in_virtual_time, quiet
from kotsapp.names import KIND

APP = {"namespace": NAMESPACE, "name": "my-app"}
EXPIRES = "kotsapp_license_expiration_timestamp_seconds"
ERRORS = "kotsapp_reconcile_errors_total"


@in_virtual_time
async def test_an_apps_license_and_images_are_shown_until_it_is_gone(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_license(expires_at="2100-01-01T00:00:00Z")
        operator.put_app(deployment(image=PRIVATE), wait=False)
        await operator.until_ready()
        assert operator.shown(EXPIRES, **APP) == 4102444800
        assert operator.shown("kotsapp_images", **APP, state="proxied") == 1
        assert operator.shown("kotsapp_images", **APP, state="undecided") == 0

        operator.api.delete(KIND, "my-app", NAMESPACE)
        await quiet(30)
        assert operator.shown(EXPIRES, **APP) is None
        assert operator.shown("kotsapp_images", **APP, state="proxied") is None
        assert operator.shown("kotsapp_suspended", **APP) is None


@in_virtual_time
async def test_a_suspended_app_is_shown_as_such_with_what_was_true_before(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        assert operator.shown("kotsapp_suspended", **APP) == 0

        operator.put_app(config_map(a="1"), suspend=True)
        await quiet(30)
        assert operator.shown("kotsapp_suspended", **APP) == 1
        assert operator.shown("kotsapp_ready", **APP) == 1

        operator.put_app(config_map(a="1"))
        await quiet(30)
        assert operator.shown("kotsapp_suspended", **APP) == 0


@in_virtual_time
async def test_a_fault_of_ours_is_counted_each_time(signer: Signer) -> None:
    async with operating(signer) as operator:
        operator.prober.fault = RuntimeError("a fault")
        operator.put_app(deployment(image=PRIVATE), wait=False)
        await operator.until_reason("InternalError")
        first = operator.shown(ERRORS, cause="internal") or 0
        await quiet(600)
        assert (operator.shown(ERRORS, cause="internal") or 0) > first > 0
        assert operator.shown(ERRORS, cause="api") == 0


@in_virtual_time
async def test_a_status_that_can_not_be_written_is_counted(signer: Signer) -> None:
    async with operating(signer) as operator:
        await quiet()
        operator.api.fail(500, times=5, match=Match("patch", "KotsApp"))
        operator.put_app(config_map(a="1"))
        await operator.until_ready()
        assert (operator.shown(ERRORS, cause="api") or 0) > 0
        assert operator.shown(ERRORS, cause="internal") == 0
