"""The page of a report: one file of HTML without scripts, for phones, desktops and paper, light and dark.

Everything in it was written by others: each text is masked and escaped on its way in.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from kotsapp.cli.plugin import tones
from kotsapp.cli.plugin.private import Private
from kotsapp.cli.plugin.report_style import STYLE
from kotsapp.cli.plugin.target import ready
from kotsapp.cli.plugin.tones import Tone
from kotsapp.cli.plugin.tree import pod_of
from kotsapp.text import printable

_CLASSES = {Tone.GOOD: "good", Tone.BAD: "bad", Tone.BUSY: "busy", None: "plain"}
_ROUTES = {"Direct": "directly", "Proxy": "through the proxy", "Registry": "from the vendor's registry"}
_VERIFIED = {"True": "the license pulls it", "False": "the license can't pull it", "Unknown": "not known yet"}
_COMMAND = re.compile(r"\bkubectl [^;.,()&]*[^;.,()&\s]")
# What columns hold that others than a word or two are in.
_KINDS = {**dict.fromkeys(("Used by", "Pulled", "Pods"), "names"), **dict.fromkeys(("Evidence", "Message"), "text")}
# A page of more is no page; the rest is counted.
MAX_ROWS = 500
PRIVACY = (
    "The license id and the contents of Secrets are not in this page. Masked are addresses, nodes, values of the "
    "configuration, and hosts that no image is from. Names of objects and images are as the release has them, and "
    "where images are pulled from is told."
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report is about. ``pods`` are live ones by the kind, namespace and name of what they are below."""

    app: Mapping[str, Any]
    made: str
    todo: Sequence[str]
    events: Sequence[Mapping[str, Any]] = ()
    pods: Mapping[tuple[str, str, str], Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    missing: Sequence[str] = ()


def page(facts: Facts, private: Private) -> str:
    return "\n".join(_Page(facts, private).lines()) + "\n"


class _Page:
    def __init__(self, facts: Facts, private: Private) -> None:
        self._facts = facts
        self._private = private
        self._status: Mapping[str, Any] = facts.app.get("status") or {}

    def lines(self) -> Iterator[str]:
        metadata = self._facts.app["metadata"]
        title = self._name(f"{metadata['name']} in {metadata['namespace']}")
        yield "<!doctype html>"
        yield '<html lang="en"><head><meta charset="utf-8">'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        # No script, no image, no request: nothing in the page can do anything, whatever it says.
        yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        yield '<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'
        yield f"<title>KotsApp {title}</title><style>{STYLE}</style></head><body>"
        yield from self._head(title)
        yield from self._todo()
        yield from self._release()
        yield from self._images()
        yield from self._unhandled()
        yield from self._workloads()
        yield from self._conditions()
        yield from self._events()
        yield f"<footer><p>{escape(PRIVACY)}</p><p>Made {self._name(self._facts.made)}.</p></footer></body></html>"

    def _head(self, title: str) -> Iterator[str]:
        condition = ready(dict(self._facts.app))
        status = str(condition.get("status", "Unknown"))
        tone = tones.of_condition("Ready", status)
        state = {"True": "Ready", "False": "Not ready"}.get(status, "Not known yet")
        yield f"<header><p class=kind>KotsApp</p><h1>{title}</h1>"
        reason = self._name(condition.get("reason", ""))
        yield f'<p class="state {_CLASSES[tone]}"><strong>{state}</strong> {reason}</p>'
        yield f"<p>{self._message(condition.get('message', 'No operator has looked at it yet.'))}</p></header>"

    def _todo(self) -> Iterator[str]:
        items = "".join(f"<li>{self._message(text)}</li>" for text in self._facts.todo)
        yield f"<section class=todo><h2>What to do next</h2><ul>{items}</ul></section>"

    def _release(self) -> Iterator[str]:
        license, release = self._status.get("license") or {}, self._status.get("release") or {}
        config = self._status.get("config") or {}
        available = self._status.get("availableReleases") or ()
        ends = license.get("expiresAt") or ("never" if license else "")
        rows = [
            ("Application", license.get("appSlug")),
            ("Customer", license.get("customerName")),
            ("Channel", license.get("channelName")),
            ("License", " ".join(str(license[key]) for key in ("licenseType",) if license.get(key))),
            ("License ends", ends),
            ("Version", release.get("versionLabel")),
            ("Newer versions", ", ".join(str(one.get("versionLabel")) for one in available if one.get("versionLabel"))),
            ("Channel sequence", release.get("channelSequence")),
            ("Rendering", release.get("revision")),
            ("Rendered", release.get("renderedAt")),
            ("Items asked for", ", ".join(config.get("items") or ())),
            ("Items given", ", ".join(config.get("set") or ())),
            ("Items generated", ", ".join(config.get("generated") or ())),
            ("Items missing", ", ".join(config.get("missing") or ())),
        ]
        shown = "".join(f"<div><dt>{escape(head)}</dt><dd>{self._name(v)}</dd></div>" for head, v in rows if v)
        if shown:
            yield f"<section><h2>License and release</h2><dl>{shown}</dl></section>"

    def _images(self) -> Iterator[str]:
        images = self._status.get("images") or ()
        summary = self._status.get("imageSummary") or {}
        heads = ("Image", "Verdict", "Evidence", "Pulled", "Used by")
        rows = [self._image(image) for image in images]
        total = int(summary.get("total") or len(images))
        yield from self._table(f"Images ({total})", heads, rows, total, "No image is known.")

    def _image(self, image: Mapping[str, Any]) -> list[str]:
        route = str(image.get("route") or "")
        verdict = tones.verdict(str(image.get("verdict", "")), routed=bool(route))
        http = f"HTTP {image['httpStatus']}" if image.get("httpStatus") else ""
        since = self._time(image.get("lastTransitionTime"))
        evidence = "; ".join(filter(None, (http, str(image.get("code") or ""), str(image.get("message") or ""))))
        verified = str(image.get("verified") or "")
        pull = str(image.get("pull") or "")
        pulled = self._chip(_ROUTES.get(route, route) or "undecided", None if route else Tone.BAD)
        if verified and route not in ("", "Direct"):
            pulled += "<br>" + self._chip(_VERIFIED.get(verified, verified), tones.verified(verified).tone)
        if pull and pull != image.get("image"):
            pulled += f"<br><code>{self._name(pull)}</code>"
        return [
            f"<code>{self._name(image.get('image', ''))}</code>",
            self._chip(verdict.text, verdict.tone),
            self._message(evidence) + (f"<br>since {since}" if since else ""),
            pulled,
            self._name(", ".join(map(str, image.get("usedBy") or ()))),
        ]

    def _unhandled(self) -> Iterator[str]:
        """What looks like an image and is left as it is; no section where there is none."""
        rows = []
        for one in self._status.get("unhandledImages") or ():
            entry = one.get("imagePath") or {}
            way = (
                f"spec.imagePaths: {entry.get('kind')}, {entry.get('path')}" if entry else str(one.get("message") or "")
            )
            image = f"<code>{self._name(one.get('image', ''))}</code>"
            rows.append([image, self._name(one.get("object", "")), self._name(one.get("path", "")), self._message(way)])
        if rows:
            heads = ("Looks like an image", "In", "At", "To route it")
            yield from self._table(f"Not handled ({len(rows)})", heads, rows, len(rows), "")

    def _workloads(self) -> Iterator[str]:
        workloads = self._status.get("workloads") or ()
        rows = [self._workload(workload) for workload in workloads]
        heads = ("Workload", "Namespace", "State", "Message", "Pods")
        yield from self._table(f"Workloads ({len(rows)})", heads, rows, len(rows), "No workload is known.")

    def _workload(self, workload: Mapping[str, Any]) -> list[str]:
        kind, namespace, name = (str(workload.get(key) or "") for key in ("kind", "namespace", "name"))
        state = str(workload.get("state", ""))
        pods = map(pod_of, self._facts.pods.get((kind, namespace, name), ()))
        shown = "<br>".join(self._pod(pod) for pod in pods)
        return [
            self._name(f"{kind}/{name}"),
            self._name(namespace),
            self._chip(state, tones.by_word(state)),
            self._message(workload.get("message", "")),
            shown,
        ]

    def _pod(self, pod: Mapping[str, Any]) -> str:
        again = f", {pod['restarts']} restarts" if pod["restarts"] else ""
        state = str(pod["state"])
        return f"{self._name(pod['name'])} {self._chip(state, tones.by_word(state))}{escape(again)}"

    def _conditions(self) -> Iterator[str]:
        rows = []
        for condition in self._status.get("conditions") or ():
            type_, status, reason = (str(condition.get(key, "")) for key in ("type", "status", "reason"))
            cells = tones.condition(type_, status, reason)
            since, message = self._time(condition.get("lastTransitionTime")), condition.get("message", "")
            shown = (self._chip(cell.text, cell.tone) for cell in cells)
            rows.append([self._name(type_), *shown, self._message(message), since])
        heads = ("Condition", "Status", "Reason", "Message", "Since")
        yield from self._table("Conditions", heads, rows, len(rows), "None yet.")

    def _events(self) -> Iterator[str]:
        rows = [
            [
                self._time(event.get("time")),
                self._chip(str(event.get("type", "")), tones.by_word(str(event.get("type", "")))),
                self._name(event.get("reason", "")),
                self._message(event.get("message", "")),
            ]
            for event in reversed(self._facts.events)
        ]
        nothing = "None: Kubernetes keeps them for an hour."
        yield from self._table("Events", ("Time", "Type", "Reason", "Message"), rows, len(rows), nothing)
        for text in self._facts.missing:
            yield f"<p>{escape(text)}</p>"

    def _table(
        self, title: str, heads: Sequence[str], rows: Sequence[Sequence[str]], total: int, nothing: str
    ) -> Iterator[str]:
        """A table; on a phone each row is a block of lines, named by the columns' heads."""
        yield f"<section><h2>{escape(title)}</h2>"
        if not rows:
            yield f"<p>{escape(nothing)}</p></section>"
            return
        kept = [number for number in range(len(heads)) if any(row[number] for row in rows)]
        heads, rows = [heads[n] for n in kept], [[row[n] for n in kept] for row in rows]
        yield f"<table><thead><tr>{''.join(f'<th scope=col>{escape(head)}</th>' for head in heads)}</tr></thead><tbody>"
        for first, *others in rows[:MAX_ROWS]:
            yield f"<tr><th scope=row>{first}</th>{''.join(_cells(heads[1:], others))}</tr>"
        yield "</tbody></table>"
        if total > len(rows[:MAX_ROWS]):
            yield f"<p>And {total - len(rows[:MAX_ROWS])} more.</p>"
        yield "</section>"

    def _chip(self, text: str, tone: Tone | None) -> str:
        return f'<span class="{_CLASSES[tone]}">{self._name(text)}</span>' if text else ""

    def _time(self, text: object) -> str:
        return f"<time>{self._name(text)}</time>" if text else ""

    def _name(self, text: object) -> str:
        return escape(printable(self._private.name(str(text))))

    def _message(self, text: object) -> str:
        """With commands in it set apart, so that they can be copied."""
        shown = escape(printable(self._private.message(str(text))))
        return _COMMAND.sub(r"<code class=command>\g<0></code>", shown)


def _cells(heads: Iterable[str], cells: Iterable[str]) -> Iterator[str]:
    for head, cell in zip(heads, cells, strict=True):
        kind = f" class={_KINDS[head]}" if head in _KINDS else ""
        yield f'<td{kind} data-head="{escape(head)}">{cell}</td>' if cell else "<td></td>"
