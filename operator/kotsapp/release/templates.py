"""KOTS template calls in a manifest's text: ``{{repl CALL }}`` and ``repl{{ CALL }}``.

KOTS fills them in before it reads the text as YAML. The calls that concern the license and the images are filled in
here as well. Every other one leaves a token in the text, so that a document that is not applied (a Config, say) may
hold any call, while one that is applied is refused by the call's name.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kotsapp.images.reference import InvalidReferenceError, parse
from kotsapp.images.routing import Domains
from kotsapp.license import License
from kotsapp.manifests.errors import ManifestError, Place, quote

# Private-use characters, which YAML allows anywhere in text and no manifest has a reason to use.
_OPEN, _CLOSE = "\U000fa11a", "\U000fa11b"
_TOKEN = re.compile(f"{_OPEN}([0-9]+){_CLOSE}")

# A call of at most 4,096 characters and quoted texts, which bounds how far the end of an unclosed one is looked for.
_ACTION = re.compile(
    r"""(?: \{\{repl\b | repl\{\{ )
        (-\s)?
        ( (?: "(?:[^"\\\n]|\\.){0,4096}+" | `[^`]{0,4096}+` | [^"`}] | \}(?!\}) ){0,4096}+ )
        \}\}""",
    re.VERBOSE | re.DOTALL,
)
_START = re.compile(r"\{\{repl\b|repl\{\{")
_CALL = re.compile(r"([A-Za-z][A-Za-z0-9]*)((?:\s+(?:\"(?:[^\"\\\n]|\\.)*\"|`[^`]*`))*)", re.DOTALL)
_CONTROL = frozenset({"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"})
_LITERAL = re.compile(r"\"(?:[^\"\\\n]|\\.)*+\"?|`[^`]*+`?", re.DOTALL)
# What KOTS knows of a license beside its entitlements, and a License here does not carry.
_UNKNOWN_FIELDS = frozenset(
    {
        "channelID",
        "endpoint",
        "isAirgapSupported",
        "isDisasterRecoverySupported",
        "isEmbeddedClusterDownloadEnabled",
        "isEmbeddedClusterMultiNodeEnabled",
        "isGeoaxisSupported",
        "isGitOpsSupported",
        "isIdentityServiceSupported",
        "isSemverRequired",
        "isSnapshotSupported",
        "isSupportBundleUploadSupported",
        "signature",
    }
)


class CallError(ValueError):
    """A call that can't be filled in; the message says why."""


@dataclass(frozen=True, slots=True)
class TemplateContext:
    """What calls are filled in with.

    ``docker_config`` is the content of the pull secret, base64 as in a Secret. ``local_images`` maps references to
    what pods pull instead, for ``LocalImageName``; a reference that isn't there stays as written.
    """

    license_fields: Mapping[str, str] = field(repr=False)
    docker_config: str = field(repr=False)
    pull_secret: str
    namespace: str
    domains: Domains
    local_images: Mapping[str, str] = field(default_factory=dict)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What may be written into manifests, and into no message."""
        known = (self.docker_config, self.license_fields.get("licenseID", ""))
        return tuple(secret for secret in known if secret)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that is left, and the line, from 1, on which it stands."""

    call: str
    line: int
    reason: str

    @property
    def breaks_text(self) -> bool:
        """Whether it is part of a condition or loop, without which the text around it may be no YAML."""
        return self.call.partition(" ")[0] in _CONTROL


@dataclass(frozen=True, slots=True)
class Filled:
    """A text with its calls filled in; ``local_images`` are the references that ``LocalImageName`` was asked for."""

    text: str = field(repr=False)
    refusals: tuple[Refusal, ...] = ()
    local_images: tuple[str, ...] = ()


def license_fields(license: License) -> dict[str, str]:
    """What ``LicenseFieldValue`` answers, by name: the license's entitlements and its own fields."""
    fields = {name: "" if item.value is None else item.text for name, item in license.entitlements.items()}
    return fields | {
        "appSlug": license.app_slug,
        "channelName": license.channel_name,
        "customerName": license.customer_name,
        "licenseID": license.license_id,
        "licenseId": license.license_id,
        "licenseSequence": str(license.license_sequence),
        "licenseType": license.license_type,
        "replicatedProxyDomain": license.proxy_domain or "",
    }


def has_calls(text: str) -> bool:
    return _START.search(text) is not None


def fill(text: str, context: TemplateContext | None, origin: str) -> Filled:
    """Fill in what can be; without a context, nothing can. Raises ManifestError for an action that doesn't end."""
    if not has_calls(text):
        return Filled(text)
    if _OPEN in text or _CLOSE in text:
        raise ManifestError(Place(origin), "holds the private-use characters U+FA11A or U+FA11B: remove them")
    refusals: list[Refusal] = []
    local_images: list[str] = []
    parts: list[str] = []
    position, line, trim = 0, 1, False
    for start in _START.finditer(text):
        if start.start() < position:
            continue
        before = text[position : start.start()]
        line += before.count("\n")
        action = _ACTION.match(text, start.start())
        if action is None:
            problem = f"the template action {start[0]} has no end: close it with }}}}, and close its quotes"
            raise ManifestError(Place(origin, 0, line), problem)
        parts.append(_trimmed(before, left=trim, right=action[1] is not None))
        call = action[2]
        trim = call.endswith((" -", "\n-", "\t-"))
        call = call[:-1].strip() if trim else call.strip()
        try:
            parts.append(_value(call, context, local_images))
        except CallError as error:
            parts.append(f"{_OPEN}{len(refusals)}{_CLOSE}")
            refusals.append(Refusal(call, line, str(error)))
        line += action[0].count("\n")
        position = action.end()
    parts.append(_trimmed(text[position:], left=trim, right=False))
    return Filled("".join(parts), tuple(refusals), tuple(dict.fromkeys(local_images)))


def _trimmed(text: str, *, left: bool, right: bool) -> str:
    text = text.lstrip() if left else text
    return text.rstrip() if right else text


def first_token(value: Any) -> int | None:
    """The number of the first refused call that a value still holds, in keys and texts; None if there is none."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, str):
            match = _TOKEN.search(found)
            if match:
                return int(match[1])
        elif isinstance(found, dict):
            waiting.extend(reversed(found.values()))
            waiting.extend(found)
        elif isinstance(found, list):
            waiting.extend(reversed(found))
    return None


def refusal_error(place: Place, refusal: Refusal) -> ManifestError:
    problem = f"the template call {quote(refusal.call)} can't be filled in here: {refusal.reason}"
    return ManifestError(place.at_line(refusal.line), problem)


def _value(call: str, context: TemplateContext | None, local_images: list[str]) -> str:
    if call.partition(" ")[0] in _CONTROL:
        raise CallError("it is part of a condition or loop; write the outcome out")
    match = _CALL.fullmatch(call)
    if match is None:
        known = ", ".join(sorted(_FUNCTIONS))
        raise CallError(f"it is no single call with literal arguments (of {known}); write the value out")
    name, arguments = match[1], [_literal(text) for text in _LITERAL.findall(match[2])]
    if name not in _FUNCTIONS:
        raise CallError(f"{name} needs the KOTS console's configuration; write the value out")
    if context is None:
        raise CallError("there is no license to take it from")
    wanted, function = _FUNCTIONS[name]
    if len(arguments) != wanted:
        raise CallError(f"{name} takes {wanted or 'no'} argument{'s' if wanted != 1 else ''}, and has {len(arguments)}")
    if name == "LocalImageName":
        local_images.append(_checked_image(arguments[0]))
    return function(context, *arguments)


def _literal(text: str) -> str:
    if text.startswith("`"):
        return text[1:-1]
    try:
        return str(json.loads(text))
    except ValueError:
        raise CallError(f"the argument {text} is no literal text") from None


def _checked_image(reference: str) -> str:
    try:
        parse(reference)
    except InvalidReferenceError as error:
        raise CallError(str(error)) from None
    return reference


def _license_field(context: TemplateContext, name: str) -> str:
    if name in _UNKNOWN_FIELDS and name not in context.license_fields:
        raise CallError(f"the license field {name} is not known to this operator; write the value out")
    return context.license_fields.get(name, "")


_FUNCTIONS: dict[str, tuple[int, Callable[..., str]]] = {
    "HasLocalRegistry": (0, lambda _: "false"),
    "ImagePullSecretName": (0, lambda context: context.pull_secret),
    "LicenseDockerCfg": (0, lambda context: context.docker_config),
    "LicenseFieldValue": (1, _license_field),
    "LocalImageName": (1, lambda context, reference: context.local_images.get(reference, reference)),
    "Namespace": (0, lambda context: context.namespace),
    "ReplicatedProxyDomain": (0, lambda context: context.domains.proxy),
    "ReplicatedRegistryDomain": (0, lambda context: context.domains.registry),
}
