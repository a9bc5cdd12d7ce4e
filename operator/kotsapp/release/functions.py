"""KOTS's template functions: which there are, what each of them takes, and what it comes to here (DESIGN 6.3).

What a function does is written in ``functions.tpl``, in the language of Helm's engine, which executes it. Here are
their names, because a call of a function that nobody knows, or with too many arguments, is reported before anything
runs.
"""

from pathlib import Path
from typing import NamedTuple

DEFINITIONS = Path(__file__).with_name("functions.tpl")


class Function(NamedTuple):
    """``definition`` is what carries it out in ``functions.tpl``; it takes ``least`` to ``most`` arguments."""

    definition: str
    least: int
    most: int


def _own(least: int, most: int | None = None, definition: str = "") -> tuple[int, int, str]:
    return least, least if most is None else most, definition


_DRAW = "kots.draw"
_OWN = {
    "Add": _own(2),
    "Base64Decode": _own(1),
    "ConfigOption": _own(1),
    "ConfigOptionData": _own(1),
    "ConfigOptionEquals": _own(2),
    "ConfigOptionFilename": _own(1),
    "ConfigOptionIndex": _own(1),
    "ConfigOptionName": _own(1),
    "ConfigOptionNotEquals": _own(2),
    "Div": _own(2),
    "HelmValue": _own(1),
    "HumanSize": _own(1),
    "LicenseFieldValue": _own(1),
    "LocalImageName": _own(1),
    "Mult": _own(2),
    "Now": _own(0),
    "NowFmt": _own(1),
    "ParseBool": _own(1),
    "ParseFloat": _own(1),
    "ParseInt": _own(1, 2),
    "ParseUint": _own(1, 2),
    "ReplicatedImageName": _own(1, 2),
    "ReplicatedImageRegistry": _own(1, 2, "kots.ReplicatedImageName"),
    "ReplicatedImageRepository": _own(1, 2, "kots.ReplicatedImageName"),
    "Split": _own(2),
    "Sub": _own(2),
    "TLSCACert": _own(2),
    "TLSCert": _own(5),
    "TLSCertFromCA": _own(6),
    "TLSKey": _own(1, 5),
    "TLSKeyFromCA": _own(6),
    "Trim": _own(1, 2),
    "YamlEscape": _own(1),
}
# Random ones, of KOTS and of sprig: what they come to is recorded, and kept.
_DRAWN = {
    "RandomBytes": _own(1, definition=_DRAW),
    "RandomString": _own(1, 2, definition=_DRAW),
    "bcrypt": _own(1, definition=_DRAW),
    "encryptAES": _own(2, definition=_DRAW),
    "genCA": _own(2, definition=_DRAW),
    "genCAWithKey": _own(3, definition=_DRAW),
    "genPrivateKey": _own(1, definition=_DRAW),
    "genSelfSignedCert": _own(4, definition=_DRAW),
    "genSelfSignedCertWithKey": _own(5, definition=_DRAW),
    "genSignedCert": _own(5, definition=_DRAW),
    "genSignedCertWithKey": _own(6, definition=_DRAW),
    "htpasswd": _own(2, definition=_DRAW),
    "randAlpha": _own(1, definition=_DRAW),
    "randAlphaNum": _own(1, definition=_DRAW),
    "randAscii": _own(1, definition=_DRAW),
    "randBytes": _own(1, definition=_DRAW),
    "randInt": _own(2, definition=_DRAW),
    "randNumeric": _own(1, definition=_DRAW),
    "shuffle": _own(1, definition=_DRAW),
    "uuidv4": _own(0, definition=_DRAW),
}

FUNCTIONS = {
    name: Function(definition or f"kots.{name}", least, most)
    for name, (least, most, definition) in (_OWN | _DRAWN).items()
}
DRAWN = frozenset(_DRAWN) | {"TLSCACert", "TLSCert", "TLSCertFromCA", "TLSKey", "TLSKeyFromCA"}

# Functions whose first argument names an item of the Config, on which whoever calls them depends.
CONFIG_FUNCTIONS = frozenset(name for name in _OWN if name.startswith("ConfigOption") and name != "ConfigOptionName")

# The same under another name in Helm's engine.
ALIASES = {
    "Base64Encode": "b64enc",
    "ToLower": "lower",
    "ToUpper": "upper",
    "TrimSpace": "trim",
    "UrlEncode": "urlquery",
}

# Take no argument, and come to what the context says.
CONSTANTS = frozenset(
    {
        "ChannelName",
        "Cursor",
        "Distribution",
        "HTTPProxy",
        "HTTPSProxy",
        "HasLocalRegistry",
        "ImagePullSecretName",
        "IsAirgap",
        "IsKurl",
        "IsRequired",
        "KotsVersion",
        "KubernetesMajorVersion",
        "KubernetesMinorVersion",
        "KubernetesVersion",
        "LicenseDockerCfg",
        "LocalRegistryAddress",
        "LocalRegistryHost",
        "LocalRegistryImagePullSecret",
        "LocalRegistryNamespace",
        "Namespace",
        "NoProxy",
        "NodeCount",
        "PrivateCACert",
        "PrivateCACertNamespace",
        "ReleaseNotes",
        "ReplicatedProxyDomain",
        "ReplicatedRegistryDomain",
        "Sequence",
        "VersionLabel",
    }
)
# Whole numbers in the reference, which JSON would make fractions.
WHOLE_CONSTANTS = frozenset({"NodeCount", "Sequence"})

_CONSOLE = "it asks the KOTS console"
REFUSED = {
    "IdentityServiceClientID": _CONSOLE,
    "IdentityServiceClientSecret": _CONSOLE,
    "IdentityServiceEnabled": _CONSOLE,
    "IdentityServiceIssuerURL": _CONSOLE,
    "IdentityServiceName": _CONSOLE,
    "IdentityServicePort": _CONSOLE,
    "IdentityServiceRestrictedGroups": _CONSOLE,
    "IdentityServiceRoles": _CONSOLE,
    "KubeSeal": "sealed anew each time, nothing it makes would stay the same",
    "KurlBool": "it asks a kURL cluster",
    "KurlInt": "it asks a kURL cluster",
    "KurlOption": "it asks a kURL cluster",
    "KurlString": "it asks a kURL cluster",
    "Lookup": "it reads the cluster with the console's rights",
    "env": "it reads the operator's own environment",
    "expandenv": "it reads the operator's own environment",
    "getHostByName": "it asks a name server",
}

KEYWORDS = frozenset({"block", "break", "continue", "define", "else", "end", "if", "range", "template", "with"})
LITERALS = frozenset({"true", "false", "nil"})

# What Go's template language has itself, and what sprig adds to it. Helm's own functions (include, tpl, lookup,
# required, toYaml and so on) are not the reference's, so they are unknown to it.
GO = frozenset(
    "and call eq ge gt html index js le len lt ne not or print printf println slice urlquery".split()  # noqa: SIM905
)
SPRIG = frozenset(
    """
    abbrev abbrevboth add add1 add1f addf adler32sum ago all any append atoi b32dec b32enc b64dec b64enc base bcrypt
    biggest buildCustomCert camelcase cat ceil chunk clean coalesce compact concat contains date dateInZone
    dateModify date_in_zone date_modify decryptAES deepCopy deepEqual default derivePassword dict dig dir div divf
    duration durationRound empty encryptAES ext fail first float64 floor fromJson genCA genCAWithKey genPrivateKey
    genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey get has hasKey hasPrefix hasSuffix
    hello htmlDate htmlDateInZone htpasswd indent initial initials int int64 isAbs join kebabcase keys kindIs kindOf
    last list lower max maxf merge mergeOverwrite min minf mod mul mulf mustAppend mustChunk mustCompact
    mustDateModify mustDeepCopy mustFirst mustFromJson mustHas mustInitial mustLast mustMerge mustMergeOverwrite
    mustPrepend mustPush mustRegexFind mustRegexFindAll mustRegexMatch mustRegexReplaceAll
    mustRegexReplaceAllLiteral mustRegexSplit mustRest mustReverse mustSlice mustToDate mustToJson mustToPrettyJson
    mustToRawJson mustUniq mustWithout must_date_modify nindent nospace now omit osBase osClean osDir osExt osIsAbs
    pick pluck plural prepend push quote randAlpha randAlphaNum randAscii randBytes randInt randNumeric regexFind
    regexFindAll regexMatch regexQuoteMeta regexReplaceAll regexReplaceAllLiteral regexSplit repeat replace rest
    reverse round semver semverCompare seq set sha1sum sha256sum sha512sum shuffle slice snakecase sortAlpha split
    splitList splitn squote sub subf substr swapcase ternary title toDate toDecimal toJson toPrettyJson toRawJson
    toString toStrings trim trimAll trimPrefix trimSuffix trimall trunc tuple typeIs typeIsLike typeOf uniq unixEpoch
    unset until untilStep untitle upper urlJoin urlParse uuidv4 values without wrap wrapWith
    """.split()  # noqa: SIM905
)
KNOWN = frozenset({*FUNCTIONS, *ALIASES, *CONSTANTS, *GO, *SPRIG})
