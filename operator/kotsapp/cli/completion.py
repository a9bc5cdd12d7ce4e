"""``kotsapp completion``: the words of the command line, for a shell to complete."""

import argparse

from kotsapp.cli import parser as command_line
from kotsapp.cli.commands import COMMANDS
from kotsapp.cli.errors import EXIT_OK

_BASH = """_kotsapp() {{
  local words
  case "${{COMP_WORDS[1]}}" in
{cases}
    *) words="{commands}" ;;
  esac
  [ "$COMP_CWORD" -gt 1 ] || words="{commands}"
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _kotsapp kotsapp
"""
# zsh runs bash's completions by itself.
_ZSH = "#compdef kotsapp\nautoload -U +X bashcompinit && bashcompinit\n"


def run(args: argparse.Namespace) -> int:
    """Print the completion of a shell."""
    words = {name: _words(parser) for name, parser in _parsers(command_line()).items()}
    if args.shell == "fish":
        print("\n".join(_fish(words)))
        return EXIT_OK
    cases = "\n".join(f'    {name}) words="{" ".join(options)}" ;;' for name, options in words.items())
    script = _BASH.format(cases=cases, commands=" ".join(words))
    print((_ZSH if args.shell == "zsh" else "") + script, end="")
    return EXIT_OK


def _parsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parsers of the commands below this one."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """All options and commands, in alphabetical order."""
    found = {option for action in parser._actions for option in action.option_strings}
    for name, below in _parsers(parser).items():
        found |= {name, *_words(below)}
    return sorted(found)


def _fish(words: dict[str, list[str]]) -> list[str]:
    lines = [f"complete -c kotsapp -n __fish_use_subcommand -a {name} -d '{COMMANDS[name]}'" for name in words]
    for name, options in words.items():
        seen = f"-n '__fish_seen_subcommand_from {name}'"
        lines += [f"complete -c kotsapp {seen} -l {option[2:]}" for option in options if option.startswith("--")]
    return lines
