"""The lines of a watch: one event each, of any size that an object may have."""

from collections.abc import AsyncIterator

# An object has some 1.5 MiB, by etcd's default, and several times that as JSON where its characters are escaped; what
# is larger is no event. A reader that stops at aiohttp's default, 4 MiB, is cut off by anybody's large objects.
MAX_EVENT = 32 * 2**20


class EventTooLargeError(ValueError):
    """A line has no end within the bound."""

    def __init__(self) -> None:
        super().__init__(f"an event of more than {MAX_EVENT // 2**20} MiB")


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines, without their ends; what comes behind the last end is cut off. Raises EventTooLargeError."""
    parts: list[bytes] = []
    size = 0
    async for chunk in chunks:
        first, *others = chunk.split(b"\n")
        parts.append(first)
        size += len(first)
        for part in others:
            if line := b"".join(parts):
                yield line
            parts, size = [part], len(part)
        if size > MAX_EVENT:
            raise EventTooLargeError
