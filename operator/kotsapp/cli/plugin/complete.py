"""What a shell completes behind ``kubectl kotsapp``: kubectl runs ``kubectl_complete-kotsapp`` with the words so far.

It prints a candidate a line, and last what kind they are of, as programs made with Cobra do.
"""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence

from kotsapp.cli.plugin.arguments import VERBS, commands_of, parser

# Of Cobra's directives: nothing special, and no names of files.
_FILES, _NO_FILES = 0, 4
# Somebody pressed a key and looks at the screen; what is not there by then is not completed.
TIMEOUT = 2.0
_NAMES_OF_FILES = frozenset({"--to", "--kubeconfig"})

# The names of KotsApps, and with a name the images of that one.
Ask = Callable[[Namespace, str | None], Iterable[str]]


def main(argv: Sequence[str] | None = None) -> int:
    """Exit code 0, whatever goes wrong: nothing is completed then."""
    candidates, directive = complete(list(sys.argv[1:] if argv is None else argv), _ask)
    print("\n".join([*candidates, f":{directive}"]))
    return 0


def complete(words: Sequence[str], ask: Ask) -> tuple[list[str], int]:
    """The candidates for the last one of ``words``, which may be empty, and the directive."""
    *before, last = words or [""]
    top = parser()
    verb = next((word for word in before if word in VERBS), None)
    command = commands_of(top).get(verb or "", top)
    previous = before[-1] if before else ""
    action = command._option_string_actions.get(previous)
    if action is not None and action.nargs is None and not action.const:
        return (_starting(action.choices or (), last), _FILES if previous in _NAMES_OF_FILES else _NO_FILES)
    if last.startswith("-"):
        return _starting(sorted(command._option_string_actions), last), _NO_FILES
    if verb is None:
        return _starting(VERBS, last), _NO_FILES
    args, given = _given(before, command)
    prefix = "kotsapp/" if last.startswith("kotsapp/") else ""
    if not given:
        return _starting((f"{prefix}{name}" for name in ask(args, None)), last), _NO_FILES
    if verb == "why" and len(given) == 1:
        return _starting(ask(args, given[0].rpartition("/")[2]), last), _NO_FILES
    return [], _NO_FILES


def _given(words: Sequence[str], command: ArgumentParser) -> tuple[Namespace, list[str]]:
    """kubectl's own options among the words, and what is behind the verb and no option."""
    args = Namespace(namespace=None, all_namespaces=False, context=None, kubeconfig=None, user=None)
    given: list[str] = []
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=")
        action = command._option_string_actions.get(option)
        if action is None:
            given.append(word)
        elif action.nargs is None and not action.const:
            setattr(args, action.dest, value if equals else next(rest, ""))
        else:
            setattr(args, action.dest, True)
    return args, [word for word in given if word not in VERBS]


def _starting(candidates: Iterable[object], last: str) -> list[str]:
    return [text for text in map(str, candidates) if text.startswith(last)]


def _ask(args: Namespace, name: str | None) -> list[str]:
    import asyncio
    import contextlib

    async def asked() -> list[str]:
        from kotsapp.cli.plugin.target import Target
        from kotsapp.kube.client import connect

        client, connection = await connect("kubectl-kotsapp", context=args.context, kubeconfig=args.kubeconfig)
        try:
            apps = await Target(client, args, connection.namespace).apps()
        finally:
            await connection.close()
        if name is None:
            return [str(app["metadata"]["name"]) for app in apps]
        one = next((app for app in apps if app["metadata"]["name"] == name), {})
        return [str(image.get("image")) for image in (one.get("status") or {}).get("images") or ()]

    found: list[str] = []
    # A shell that completes has no place for messages.
    with contextlib.suppress(Exception):
        found = asyncio.run(asyncio.wait_for(asked(), TIMEOUT))
    return found
