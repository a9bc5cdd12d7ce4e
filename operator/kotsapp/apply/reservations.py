"""Which app is about to apply which object, and which apps wait for one that is another app's."""

from collections.abc import Callable, Iterable, Mapping

from kotsapp.kube.objects import Identity, ObjectKey, Owner


class Reservations:
    """Two apps that bring the same object must not both make it before either's labels are on it.

    ``on_change`` is called with an owner that waited, when what it waited for is let go of.
    """

    def __init__(self, on_change: Callable[[Owner], None]) -> None:
        self._on_change = on_change
        self._reserved: dict[Identity, Owner] = {}
        # Who waits for an object, and for which holder to let go of it.
        self._waiting: dict[Identity, dict[Owner, Owner]] = {}

    def reserve(self, owner: Owner, keys: Iterable[ObjectKey]) -> dict[ObjectKey, Owner]:
        """Keep others off these objects until ``release``; those that others have reserved, and who.

        All of them are reserved, or none.
        """
        keys = tuple(keys)
        taken = {key: self._reserved[key.identity] for key in keys if key.identity in self._reserved}
        taken = {key: holder for key, holder in taken.items() if holder != owner}
        if not taken:
            self._reserved.update((key.identity, owner) for key in keys)
        return taken

    def release(self, owner: Owner) -> None:
        """Let go of everything that the owner has reserved."""
        for identity in [identity for identity, holder in self._reserved.items() if holder == owner]:
            del self._reserved[identity]
            self.let_go(identity, owner)

    def await_release(self, owner: Owner, taken: Mapping[ObjectKey, Owner]) -> None:
        """From now on the owner waits for these objects, each with its holder."""
        for key, holder in taken.items():
            self._waiting.setdefault(key.identity, {})[owner] = holder

    def forget_owner(self, owner: Owner) -> None:
        """The app is gone: it waits no more, and whoever waited for what it held need not any more."""
        for identity, waiting in list(self._waiting.items()):
            waiting.pop(owner, None)
            self.let_go(identity, owner)

    def let_go(self, identity: Identity, holder: Owner | None = None) -> None:
        """Wake who waits for the object, or only those who wait for this holder to let go of it."""
        waiting = self._waiting.get(identity, {})
        for owner in [owner for owner, known in waiting.items() if holder in (None, known)]:
            del waiting[owner]
            self._on_change(owner)
        if not waiting:
            self._waiting.pop(identity, None)
