"""What people type after ``kubectl kotsapp``, put into the order that the parser takes; what it can't be is said."""

from argparse import ArgumentParser
from collections.abc import Collection, Sequence

from kotsapp.cli.spelling import correction

# As people name the kind: by hand, from `kubectl get -o name`, and by the short name.
KINDS = ("kotsapp", "kotsapps", "ka", "kotsapp.kotsapp.dev", "kotsapps.kotsapp.dev")
# What kubectl does itself, and does well.
_OF_KUBECTL = {
    "delete": "kubectl delete kotsapp NAME",
    "edit": "kubectl edit kotsapp NAME",
    "apply": "kubectl apply -f kotsapp.yaml",
    "create": "kubectl apply -f kotsapp.yaml",
    "wait": "kubectl wait --for=condition=Ready kotsapp/NAME",
    "annotate": "kubectl annotate kotsapp NAME",
    "label": "kubectl label kotsapp NAME",
    "patch": "kubectl patch kotsapp NAME",
    "upgrade": "the channel is followed by itself; kubectl kotsapp retry NAME looks for a new release now",
    "install": "kubectl apply -f kotsapp.yaml",
    "uninstall": "kubectl delete kotsapp NAME",
    **{
        command: f"that needs no cluster: kotsapp {command}"
        for command in ("lint", "render", "probe", "pull", "config", "license", "run")
    },
}


def in_order(words: Sequence[str], commands: dict[str, ArgumentParser]) -> list[str]:
    """The words with the verb first, and without the kind where a name follows it: ``shop status`` and ``status kotsapp
    shop`` are ``status shop``. Raises ValueError, with what to say, for a verb that there is not."""
    rest = list(words)
    places = _positionals(rest, commands.values())
    if not places:
        return rest
    first = rest[places[0]]
    if first == "help":
        return [rest[place] for place in places[1:2] if rest[place] in commands] + ["--help"]
    if first == "version":
        return ["--version"]
    if first not in commands:
        # Also behind the kind, which kubectl wants first: `kotsapp shop status`.
        verb = next((place for place in places if rest[place] in commands), None)
        if verb is None or first in _OF_KUBECTL:
            raise ValueError(correction(first, commands.keys(), _OF_KUBECTL))
        rest.insert(0, rest.pop(verb))
        places = _positionals(rest, commands.values())
    most = 2 if rest[places[0]] == "why" else 1
    if len(places) == most + 2 and rest[places[1]].lower() in KINDS:
        del rest[places[1]]
    return rest


def _positionals(words: Sequence[str], commands: Collection[ArgumentParser]) -> list[int]:
    """Where the words are that are no options, and no option's value."""
    found: list[int] = []
    takes_value = False
    for place, word in enumerate(words):
        if takes_value:
            takes_value = False
        elif word == "--":
            return [*found, *range(place + 1, len(words))]
        elif word.startswith("-") and word != "-":
            takes_value = any(
                action is not None and action.nargs is None
                for action in (command._option_string_actions.get(word) for command in commands)
            )
        else:
            found.append(place)
    return found
