"""What can go wrong with a source outside the cluster.

    SourceError
      SourceUnreachableError   passes by itself: no connection, 5xx, 429; tried again, with growing waits
      SourceRefusedError       a person must act: 401, 403, 404, an address that is not asked; looked at each interval
      SourceContentError       what came can't be used: damaged, too large, another one than was asked for; as refused

A message says who was asked, what came back and what to do. It holds no credential, and no URL's path or query.
"""


class SourceError(Exception):
    """Nothing new came from a source; what was fetched last is used on.

    ``retry_after`` are the seconds that the server asked to be left alone for, None where it did not.
    """

    passes = False
    """Whether it is worth trying again before the next look is due."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class SourceUnreachableError(SourceError):
    """Nobody answered, or somebody who has trouble; it passes by itself."""

    passes = True


class SourceRefusedError(SourceError):
    """The answer is no: somebody has to change something, here or at the vendor's."""


class SourceContentError(SourceError):
    """There was an answer that can't be used."""
