"""What a session has applied so far, stored before anything changes: the one thing that is mutated on the way."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from kotsapp.apply.inventory import Entry, Inventory


class Ledger:
    """The inventory as it is by now. ``save`` stores it, given whether there will be objects that were not there.

    Stored before anything is made or changed, so that nothing made is ever forgotten, and nothing changed is taken
    for what it was.
    """

    def __init__(self, inventory: Inventory, save: Callable[[bool], Awaitable[None]]) -> None:
        self.inventory = inventory
        self._save = save

    def applied(self, entry: Entry) -> None:
        """Take the object up; the account that once applied it stays known, while no other one does."""
        before = self.inventory.get(entry.key)
        if before is not None and not entry.account:
            entry = replace(entry, account=before.account)
        self.inventory = Inventory({**self.inventory.entries, entry.key.identity: entry})

    def removed(self, entry: Entry) -> None:
        """The object is gone, or somebody else's from now on."""
        left = {identity: known for identity, known in self.inventory.entries.items() if identity != entry.key.identity}
        self.inventory = Inventory(left)

    async def announce(self, entries: Iterable[Entry]) -> None:
        """Store that these objects are about to be applied; without a digest they are not taken for what is wanted."""
        entries = list(entries)
        brings_new = any(self.inventory.get(entry.key) is None for entry in entries)
        for entry in entries:
            self.applied(entry)
        await self._save(brings_new)
