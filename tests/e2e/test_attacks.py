"""Inputs that once stopped or starved the operator for everybody: what each comes to, and that it comes to no one else.

How long others wait is measured by ``bench/attacks.py``; here nothing depends on how fast the machine is.
"""

from __future__ import annotations

import itertools
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest

from harness.apps import PRIVATE, PUBLIC, Tenant, deployment
from harness.attacks import Attack, attacks
from harness.holding import Holding
from harness.licenses import Signer
from harness.running import Operator
from harness.waiting import until
from localworld.world import World

# Enough apps to have all places of one namespace taken; more are cleaned up for minutes.
MOST_APPS = 16
PATIENCE = 180.0
ATTACKS = {attack.title: replace(attack, apps=min(attack.apps, MOST_APPS)) for attack in attacks()}


@dataclass
class Attacked:
    """The operator, and a tenant beside those who attack it."""

    operator: Operator
    other: Tenant
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def put_ordinary_app(self) -> str:
        name = f"ordinary-{next(self._numbers)}"
        objects = [deployment(name, PUBLIC, replicas=0), deployment(f"{name}-2", PRIVATE, replicas=0)]
        self.other.put_app(name, objects, pullSecret={"name": f"{name}-registry"})
        return name

    def is_ready(self, name: str) -> bool:
        return bool(self.other.condition(name).get("status") == "True")

    def answers(self) -> bool:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.operator.port}/healthz", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)


@pytest.fixture(scope="module")
def attacked(
    world: World, signer: Signer, shared_operator: Operator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Attacked]:
    """An operator with the shipped rights, for which some registries and name servers are silent."""
    if shared_operator.running:
        shared_operator.stop()
    folder = tmp_path_factory.mktemp("attacked")
    with Holding(folder, world.registries) as holding:
        operator = Operator(world, folder, signer.folder, "--lend", "edit", extra_path=holding.modules).start()
        yield Attacked(operator, Tenant.make(world, signer))
        operator.stop()


@pytest.fixture
def attacker(world: World, signer: Signer, attacked: Attacked) -> Iterator[Tenant]:
    tenant = Tenant.make(world, signer)
    yield tenant
    for app in tenant.all("kotsapps"):
        world.api.delete(tenant.path("kotsapps", app["metadata"]["name"]))


def outcomes(tenant: Tenant, attack: Attack) -> dict[str, tuple[str, str]]:
    """Reason and message of each app's Ready."""
    found = {name: tenant.condition(name) for name in attack.names}
    return {name: (ready.get("reason", ""), ready.get("message", "")) for name, ready in found.items()}


def is_over(tenant: Tenant, attack: Attack) -> bool:
    found = outcomes(tenant, attack).values()
    return all(reason == attack.reason and attack.message in message for reason, message in found)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_has_its_outcome_and_another_tenants_app_is_ready_meanwhile(
    attack: Attack, attacker: Tenant, attacked: Attacked
) -> None:
    pid, numbers = attacked.operator.pid, itertools.count(1)
    attack.begin(attacker)
    ordinary = attacked.put_ordinary_app()

    def is_ready() -> bool:
        if attack.again is not None:
            attack.again(attacker, next(numbers))
        return attacked.is_ready(ordinary)

    until(is_ready, f"another tenant's app is Ready beside: {attack.title}", PATIENCE)
    assert attacked.answers()
    meanwhile = outcomes(attacker, attack)
    if attack.outlasts:
        assert {"", "Progressing"} & {reason for reason, _ in meanwhile.values()}, meanwhile
    elif attack.reason:
        until(lambda: is_over(attacker, attack), f"{attack.reason}: {attack.message}; it was {meanwhile}", PATIENCE)
    assert attacked.operator.running
    assert attacked.operator.pid == pid
