"""A release's Config: what of it can't be read, what has to be answered, what is not meant."""

import re

from kotsapp.lint.findings import Level
from kotsapp.lint.recorder import Recorder
from kotsapp.manifests.errors import ManifestError, Place
from kotsapp.release.calls import FilledRelease
from kotsapp.release.config_document import TYPES, Config
from kotsapp.release.config_result import config_of
from kotsapp.release.raw import Opened
from kotsapp.release.roles import Role


def read(opened: Opened, recorder: Recorder) -> Config | None:
    """The Config, as far as it can be read."""
    try:
        config = config_of(opened)
    except ManifestError as error:
        recorder.stop("config", error)
        return None
    for item in config.items if config else ():
        if config and item.type not in TYPES:
            known = ", ".join(sorted(TYPES))
            message = (
                f"the Config's item {item.name} has the type {item.type!r}, which nobody knows: write one of {known}"
            )
            recorder.add("config-item-type", Level.WARNING, message, place_of(opened, config, item.name))
    return config


def filled_in(opened: Opened, config: Config, filled: FilledRelease, recorder: Recorder) -> None:
    """What items came to: those without a value are notes, since whoever installs the release gives them."""
    if filled.config is None:
        return
    verdict = filled.config.verdict
    for problem in verdict.problems:
        is_missing = problem.name in verdict.missing
        rule, level = ("config-item-required", Level.NOTE) if is_missing else ("config", Level.ERROR)
        recorder.add(rule, level, str(problem), place_of(opened, config, problem.name))
    for failures in filled.failures.values():
        for failure in failures:
            if failure.subject.field:
                place = place_of(opened, config, failure.subject.name)
                text = f"repl{{{{ {failure.call} }}}}"
                recorder.failed("config-item-failing", Level.WARNING, failure, text, place)


def place_of(opened: Opened, config: Config, item: str) -> Place:
    """Where an item's name is written, as far as the text shows it; else where the Config is."""
    own = next((one for one in opened.raws if one.role is Role.CONFIG), None)
    if own is None:
        return config.place
    name = rf"""\bname["']?\s*:\s*["']?{re.escape(item)}["']?\s*(?:[,}}#]|$)"""
    match = re.search(name, own.chunk.text, re.MULTILINE)
    line = own.chunk.text.count("\n", 0, match.start()) if match else None
    return config.place if line is None else config.place.at_line(max(own.chunk.line, 1) + line)
