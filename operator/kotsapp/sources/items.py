"""Items of ``spec.manifests`` that are fetched from outside the cluster, as frozen values."""

from dataclasses import dataclass

from kotsapp.sources.oci_ref import OciRef


@dataclass(frozen=True, slots=True)
class ChannelRelease:
    """The vendor's release of the license's channel; ``version_label`` None follows the channel's head."""

    version_label: str | None = None

    @property
    def name(self) -> str:
        """What messages and status call it, and under which it is kept: the same for every version of it, since what
        a chart was before is known by the source that brought it."""
        return "channelRelease"


RemoteItem = ChannelRelease | OciRef
