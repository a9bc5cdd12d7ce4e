"""docs/troubleshooting.md: what people break most, told as the page quotes it, and healed by what it says (issue 17).

pytest tests/e2e/test_troubleshooting.py -s      # prints each with its seconds
"""

import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from harness.apps import DOWN, PRIVATE, Object, Tenant, config_map, deployment
from harness.licenses import Signer
from harness.running import ROOT, Operator
from harness.waiting import until
from localworld.world import World

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
# A heading, what was broken, then what `kubectl get kotsapp -o wide` says and the event.
QUOTED = dict(re.findall(r"^### ([^\n]+)\n.*?^```\n(.+?)^```", PAGE, re.MULTILINE | re.DOTALL))
LATER = {"spec": {"license": {"secretRef": {"name": "license"}}, "manifests": [{"configMapRef": {"name": "release"}}]}}


# What differs from run to run, as the page has it.
_SHOWN = (
    (r"kubectl kustomize (\S+) \| sed s/apps/NS/ \| kubectl apply -f -", r"kubectl apply -k \1"),
    (r"(-n |--namespace |namespace |:|\b)NS\b", r"\1apps"),
    (r"127\.0\.0\.1(:|', )\d+", r"127.0.0.1\g<1>5000"),
    (r"\b[0-9a-f]{32}\b|'[0-9a-f]{1,31} ", "KEY"),
)


@dataclass(frozen=True, slots=True)
class Breakage:
    """``broken`` does it to a running app; without ``mended``, putting back what was there heals it."""

    title: str
    broken: Callable[["Person"], None]
    mended: Callable[["Person"], None] | None = None

    def __str__(self) -> str:
        return self.title.replace(" ", "-").lower()


@dataclass(slots=True)
class Person:
    """Who has the app ``shop`` in a namespace of her own, with the release in a ConfigMap."""

    tenant: Tenant
    stranger: Signer

    def release(self, *objects: Object, text: str | None = None) -> None:
        documents = yaml.safe_dump_all([deployment("web", PRIVATE), *objects], sort_keys=False)
        self.tenant.put_config_map("release", {"app.yaml": text if text is not None else documents})

    def image(self, image: str) -> None:
        self.release(text=yaml.safe_dump(deployment("web", image), sort_keys=False))

    def license(self, signed: bytes | None = None, key: str = "license.yaml") -> None:
        document = signed if signed is not None else self.tenant.signer.sign()
        self.tenant.put_secret("license", {key: document})

    def app(self, name: str = "shop", **spec: Any) -> None:
        self.tenant.put_app_spec(name, {**LATER["spec"], **spec})

    def whole(self) -> None:
        self.license()
        self.release()
        self.app()


def _unsigned(person: Person) -> None:
    document = yaml.safe_load(person.tenant.signer.sign())
    del document["spec"]["signature"]
    person.license(yaml.safe_dump(document).encode())


def _expired(person: Person) -> None:
    person.license(person.tenant.signer.sign(expires_at="2026-01-31T00:00:00Z"))


def _for_another_app(person: Person) -> None:
    person.license(person.tenant.signer.sign(appSlug="other-app", licenseID="license-of-another-app"))


def _two_apps(person: Person) -> None:
    person.release(config_map("settings", a="1"))
    until(lambda: person.tenant.get("configmaps", "settings"), "the first app has it")
    inline = yaml.safe_dump(config_map("settings", a="2"))
    person.app("second", manifests=[{"inline": inline}], pullSecret={"name": "second-registry"})


def _claimed(person: Person) -> None:
    person.tenant.kubectl("delete", "kotsapp", "second", "--wait=false")
    person.release()


def _other_selector(person: Person) -> None:
    changed = deployment("web", PRIVATE)
    changed["spec"]["selector"]["matchLabels"] = {"app": "another"}
    changed["spec"]["template"]["metadata"]["labels"] = {"app": "another"}
    person.release(text=yaml.safe_dump(changed, sort_keys=False))


def _misspelt(person: Person) -> None:
    changed = deployment("web", PRIVATE)
    changed["spec"]["replica"] = 2
    person.release(text=yaml.safe_dump(changed, sort_keys=False))


def _account(person: Person) -> None:
    person.tenant.kubectl("create", "serviceaccount", "deployer")
    person.tenant.kubectl(
        *("create", "rolebinding", "impersonate", "--clusterrole=kotsapp-operator-impersonate"),
        "--serviceaccount=kotsapp-system:kotsapp-operator",
    )
    person.app(serviceAccountName="deployer")


ROLE = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "everything"},
    "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}],
}

BREAKAGES = (
    Breakage(
        "The license under another key",
        lambda p: p.tenant.kubectl("delete", "secret", "license") and p.license(key="acme.yaml"),
    ),
    Breakage("A license without its signature", _unsigned),
    Breakage("A license of another signer", lambda p: p.license(p.stranger.sign())),
    Breakage("A license whose time is over", _expired),
    Breakage(
        "A license for another app",
        _for_another_app,
    ),
    Breakage("A typo in a private image's tag", lambda p: p.image("quay.io/my-org/api:v1.0.l")),
    Breakage("A typo in a public image's tag", lambda p: p.image("busybox:1.63")),
    Breakage("A registry that can't be reached", lambda p: p.image(f"{DOWN}/team/api:1")),
    Breakage("No such ConfigMap", lambda p: p.tenant.kubectl("delete", "configmap", "release")),
    Breakage("A kind that is not lent", lambda p: p.release(ROLE)),
    Breakage("No YAML", lambda p: p.release(text="apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a\n")),
    Breakage("A misspelt field", _misspelt),
    Breakage("One object in two apps", _two_apps, _claimed),
    Breakage("A field that can't be changed", _other_selector),
    Breakage("An account without rights", _account),
)


@pytest.fixture
def person(
    world: World, signer: Signer, operator: Operator, tmp_path_factory: pytest.TempPathFactory, breakage: Breakage
) -> Person:
    # Names of one length: where a message is cut depends on it.
    tenant = Tenant(world, signer, f"apps-{BREAKAGES.index(breakage):02}")
    world.create_namespace(tenant.namespace)
    person = Person(tenant, Signer.make(tmp_path_factory.mktemp("stranger")))
    person.whole()
    tenant.wait_ready("shop")
    return person


def test_the_page_has_them_all() -> None:
    assert set(QUOTED) >= {breakage.title for breakage in BREAKAGES}


@pytest.mark.parametrize("breakage", BREAKAGES, ids=str)
def test_what_people_break_is_told_as_the_page_quotes_it_and_heals(person: Person, breakage: Breakage) -> None:
    tenant = person.tenant
    name = "second" if breakage.title == "One object in two apps" else "shop"
    seen = len(tenant.events())

    begun = time.monotonic()
    breakage.broken(person)
    until(lambda: tenant.condition(name).get("status") == "False", "it is told")
    reported = time.monotonic() - begun
    text = until(lambda: _said(tenant, name, seen), "its event is there")
    with contextlib.suppress(AssertionError):  # what was seen on the way to it is not it yet
        text = until(lambda: (said := _said(tenant, name, seen)) == QUOTED[breakage.title] and said, "as quoted", 5)

    begun = time.monotonic()
    (breakage.mended or Person.whole)(person)
    tenant.wait_ready("shop")
    healed = time.monotonic() - begun
    print(f"\n### {breakage.title}\n```\n{text}```\ntold after {reported:.1f} s, healed after {healed:.1f} s")
    assert text == QUOTED[breakage.title]


def _said(tenant: Tenant, name: str, seen: int) -> str | None:
    """The Ready condition as a person reads it, and the event that tells it."""
    ready = tenant.condition(name)
    events = [e for e in tenant.all("events") if e["reason"] == ready["reason"] and e["involvedObject"]["name"] == name]
    if not events:
        return None
    event = events[-1]
    text = f"Ready {ready['status']}: {ready['reason']}: {ready['message']}\nevent: {event['type']} {event['reason']}\n"
    for pattern, shown in _SHOWN:
        text = re.sub(pattern.replace("NS", tenant.namespace), shown, text)
    return text
