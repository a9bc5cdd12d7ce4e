"""Why a release can't be rendered though its files can be read."""


class HelmMissingError(Exception):
    """There is no helm program. The message says where it was looked for and what to do."""


class HelmError(Exception):
    """helm could not render a chart, or fill in calls. The message names which, and what helm said."""
