"""kubeconfig files, found, merged and read as kubectl does it (client-go's clientcmd). Nothing is asked of a server."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from kubernetes.aio.config import ConfigException

_KINDS = {"clusters": "cluster", "users": "user", "contexts": "context"}
# Paths in a file are relative to the file. A command is one only where it is no name to be looked up in PATH.
_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")


@dataclass(frozen=True, slots=True)
class Kubeconfig:
    """One context of the merged files: its cluster and its user as they are written, with every path absolute.

    ``user`` is empty for a context that names none.
    """

    context: str
    namespace: str
    cluster: Mapping[str, Any]
    user: Mapping[str, Any]


def kubeconfig_files(explicit: str | None = None, environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """The files that are there: ``explicit`` alone, else those of KUBECONFIG, else the one in the home folder.

    A KUBECONFIG that is set to nothing counts as one that is not set. Raises ConfigException when ``explicit`` is not
    there, or none of those that KUBECONFIG lists.
    """
    if explicit:
        listed = [explicit]
    elif environ.get("KUBECONFIG"):
        listed = list(dict.fromkeys(part for part in environ["KUBECONFIG"].split(os.pathsep) if part))
    else:
        listed = []
        home = Path(environ.get("HOME") or "/", ".kube", "config")
        if home.is_file():
            return (home,)
    found = tuple(path for path in (Path(part).expanduser() for part in listed) if path.is_file())
    if listed and not found:
        raise ConfigException(f"there is no kubeconfig {' or '.join(listed)}")
    return found


def read_kubeconfig(files: Iterable[Path], context: str | None = None) -> Kubeconfig:
    """``context``, else the current one. Of entries with one name the first counts, and the first current context.

    Raises ConfigException, naming the file and the entry.
    """
    entries: dict[str, dict[str, Mapping[str, Any]]] = {kind: {} for kind in _KINDS}
    current = ""
    paths = tuple(files)
    for path in paths:
        document = _document(path)
        current = current or str(document.get("current-context") or "")
        for kind, key in _KINDS.items():
            for name, entry in _named(document, kind, key, path):
                entries[kind].setdefault(name, _absolute(entry, path.absolute().parent))
    where = " and ".join(str(path) for path in paths)
    name = context or current
    if not name:
        raise ConfigException(f"{where}: no current-context is set; choose one with --context")
    chosen = _entry(entries, "contexts", name, where)
    if not chosen.get("cluster"):
        raise ConfigException(f"{where}: context {name} names no cluster")
    return Kubeconfig(
        context=name,
        namespace=str(chosen.get("namespace") or "default"),
        cluster=_entry(entries, "clusters", str(chosen["cluster"]), where),
        user=_entry(entries, "users", str(chosen["user"]), where) if chosen.get("user") else {},
    )


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise ConfigException(f"{path} can't be read: {(error.strerror or str(error)).lower()}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigException(f"{path}{line}: it is not YAML") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigException(f"{path}: it is not a kubeconfig: expected a mapping")
    return document


def _named(document: Mapping[str, Any], kind: str, key: str, path: Path) -> Iterable[tuple[str, Mapping[str, Any]]]:
    listed = document.get(kind) or []
    if not isinstance(listed, list):
        raise ConfigException(f"{path}: {kind}: expected a list")
    for number, item in enumerate(listed, start=1):
        entry = item.get(key) if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not isinstance(entry or {}, dict):
            raise ConfigException(f"{path}: {kind}: expected a name and a {key} in item {number}")
        yield item["name"], entry or {}


def _entry(
    entries: Mapping[str, Mapping[str, Mapping[str, Any]]], kind: str, name: str, where: str
) -> Mapping[str, Any]:
    entry = entries[kind].get(name)
    if entry is None:
        raise ConfigException(f"{where}: {_KINDS[kind]} {name} does not exist")
    return entry


def _absolute(entry: Mapping[str, Any], folder: Path) -> Mapping[str, Any]:
    made = {**entry, **{key: str(folder / str(entry[key])) for key in _PATHS if entry.get(key)}}
    plugin = entry.get("exec")
    if isinstance(plugin, dict) and "/" in str(plugin.get("command", "")):
        made["exec"] = {**plugin, "command": os.path.normpath(folder / str(plugin["command"]))}
    return made
