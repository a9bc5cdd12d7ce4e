"""``kubectl kotsapp report``: what is in the page, what is not, and that nothing in it can do anything."""

import json
import re
import shutil
import subprocess
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from harness.cluster import NAMESPACE, deployment, fake_cluster, obj
from harness.fakekube import FakeApi, connect
from kotsapp.cli.errors import CommandError
from kotsapp.cli.plugin.arguments import parse
from kotsapp.cli.plugin.target import Target
from kotsapp.names import API_VERSION, KIND

PRIVATE_IMAGE = "quay.io/my-org/api:v1.0.1"
LOST = "quay.io/my-org/lost:v1"
# As vendors make them.
LICENSE_ID = "2eFdA9sLq0WnTYxkQmZr1HcVb7P"
NODE = "ip-10-20-30-40.eu-west-1.compute.internal"
HOSTILE = '<script>alert(1)</script><img src=x onerror=alert(2)>" onmouseover="x\' --></style>\x1b[2J\u202e'


def condition(type_: str, status: str, reason: str, message: str) -> dict[str, Any]:
    fields = {"type": type_, "status": status, "reason": reason, "message": message}
    return {**fields, "observedGeneration": 1, "lastTransitionTime": "2026-01-01T10:20:30Z"}


def an_app(api: FakeApi, **changes: Any) -> dict[str, Any]:
    spec = {
        "license": {"secretRef": {"name": "l"}},
        "manifests": [{"configMapRef": {"name": "m"}}],
        "config": {"values": {"hostname": "shop.acme.example", "db_password": "hunter2hunter2", "ha": True}},
    }
    status: dict[str, Any] = {
        "observedGeneration": 1,
        "license": {"appSlug": "my-kots-app", "customerName": "Acme", "channelName": "Stable", "licenseType": "prod"},
        "release": {"revision": 3, "renderedAt": "2026-01-01T10:00:00Z"},
        "config": {"items": ["hostname", "db_password", "ha"], "set": ["hostname"], "generated": ["db_password"]},
        "conditions": [
            condition("Ready", "False", "ImagesUndecided", f"{LOST}: check name and tag"),
            condition("Stalled", "True", "ImagesUndecided", f"pods on node {NODE} can't reach 10.1.2.3:5432"),
            condition("LicenseValid", "True", "ReconciliationSucceeded", "until 2027-01-01"),
        ],
        "images": [
            {
                "image": PRIVATE_IMAGE,
                "verdict": "Private",
                "route": "Proxy",
                "pull": f"proxy.replicated.com/proxy/my-kots-app/{PRIVATE_IMAGE}",
                "verified": "True",
                "httpStatus": 401,
                "code": "UNAUTHORIZED",
                "message": "quay.io refused an anonymous pull",
                "usedBy": ["Deployment/web"],
            },
            {
                "image": LOST,
                "verdict": "NotFound",
                "httpStatus": 404,
                "message": "mirror.acme.example:5000, which stands for quay.io, knows no such image",
                "usedBy": ["Deployment/lost"],
            },
        ],
        "imageSummary": {"total": 2, "proxied": 1, "undecided": 1},
        "workloads": [
            {
                "kind": "Deployment",
                "namespace": NAMESPACE,
                "name": "web",
                "state": "Degraded",
                "message": "0 of 1 ready",
            }
        ],
        "inventory": [{"apiVersion": "apps/v1", "kind": "Deployment", "namespace": NAMESPACE, "name": "web"}],
    }
    status |= changes
    api.put(obj(KIND, "shop", API_VERSION, NAMESPACE, spec=spec))
    api.change(KIND, "shop", {"status": status}, NAMESPACE)
    return status


def a_pod(api: FakeApi, name: str = "web-1") -> None:
    api.put(deployment("web"))
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "controller": True}
    uid = api.live("Deployment", "web", NAMESPACE)["metadata"]["uid"]
    pod = obj("Pod", name, spec={**deployment("web")["spec"]["template"]["spec"], "nodeName": NODE})
    pod["metadata"]["ownerReferences"] = [{**owner, "uid": uid}]
    api.put(pod)
    waiting = {"name": "main", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}
    api.change(
        "Pod",
        name,
        {"status": {"phase": "Pending", "hostIP": "10.20.30.40", "containerStatuses": [waiting]}},
        NAMESPACE,
    )


def an_event(api: FakeApi, message: str, reason: str = "ImagesUndecided") -> None:
    uid = api.live(KIND, "shop", NAMESPACE)["metadata"]["uid"]
    about = {"kind": KIND, "name": "shop", "namespace": NAMESPACE, "uid": uid, "apiVersion": API_VERSION}
    fields = {"type": "Warning", "reason": reason, "message": message, "lastTimestamp": "2026-01-01T10:20:30Z"}
    api.put({**obj("Event", "shop.1"), "involvedObject": about, **fields})


async def report(api: FakeApi, capsys: pytest.CaptureFixture[str]) -> str:
    args = parse(["report", "shop"])
    assert await args.action(args, Target(connect(api), args, NAMESPACE)) == 0
    return capsys.readouterr().out


async def test_the_page_has_all_that_a_vendor_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    an_app(api)
    a_pod(api)
    an_event(api, "2 images, 1 undecided")
    page = text_of(await report(api, capsys))
    for reported in (
        f"KotsApp shop in {NAMESPACE} Not ready ImagesUndecided",
        f"What to do next {LOST}: check name and tag in the manifests: the registry knows no such image. Then: kubectl",
        "Customer Acme Channel Stable License prod License ends never Rendering 3",
        "Items asked for hostname, db_password, ha Items given hostname Items generated db_password",
        f"{PRIVATE_IMAGE} Private HTTP 401; UNAUTHORIZED; quay.io refused an anonymous pull through the proxy",
        f"the license pulls it proxy.replicated.com/proxy/my-kots-app/{PRIVATE_IMAGE} Deployment/web",
        f"Deployment/web {NAMESPACE} Degraded 0 of 1 ready web-1 CrashLoopBackOff , 4 restarts",
        "LicenseValid True ReconciliationSucceeded until 2027-01-01",
        "2026-01-01T10:20:30Z Warning ImagesUndecided 2 images, 1 undecided",
    ):
        assert reported in page


async def test_what_is_the_customers_own_is_not_in_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    an_app(api)
    a_pod(api)
    api.put({**obj("Secret", "l"), "stringData": {"license.yaml": f"licenseID: {LICENSE_ID}"}})
    an_event(api, f"https://jane:pw@api.acme.example/x said {LICENSE_ID}; hunter2hunter2 on {NODE}, shop.acme.example")
    page = await report(api, capsys)
    for hidden in (NODE, "ip-10-20", "10.1.2.3", "10.20.30.40", "acme.example", "hunter2", "jane", LICENSE_ID):
        assert hidden not in page
    for shown in ("[host]", "[node]", "[address]", "[value]", "[masked]", "quay.io knows"):
        assert shown in page.replace("which stands for quay.io, knows", "quay.io knows")
    asked = [str(request) for request in api.audit]
    assert not any("secrets" in one.lower() for one in asked)


async def test_hostile_names_do_nothing_in_the_page(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    fields = ("image", "verdict", "route", "pull", "code", "message", "lastTransitionTime")
    an_app(
        api,
        license=dict.fromkeys(("appSlug", "customerName", "channelName", "licenseType"), HOSTILE),
        release={"versionLabel": HOSTILE, "renderedAt": HOSTILE},
        config={"items": [HOSTILE], "set": [HOSTILE]},
        conditions=[condition(HOSTILE, "True", HOSTILE, HOSTILE), condition("Ready", "False", HOSTILE, HOSTILE)],
        images=[{**dict.fromkeys(fields, HOSTILE), "usedBy": [HOSTILE]}],
        unhandledImages=[dict.fromkeys(("image", "object", "path", "message"), HOSTILE)],
        workloads=[dict.fromkeys(("kind", "namespace", "name", "state", "message"), HOSTILE)],
    )
    an_event(api, HOSTILE, HOSTILE)
    page = await report(api, capsys)
    reader = Reader()
    reader.feed(page)
    assert reader.tags <= ALLOWED
    assert reader.attributes <= {"lang", "charset", "name", "content", "http-equiv", "class", "scope", "data-head"}
    assert set(reader.classes) <= {"kind", "state", "good", "bad", "busy", "plain", "todo", "names", "text", "command"}
    assert "\x1b" not in page and "\u202e" not in page
    assert "<script>alert(1)</script>" in reader.text and reader.styles == 1


async def test_the_page_asks_nobody_for_anything(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    an_app(api)
    page = await report(api, capsys)
    assert "default-src 'none'" in page
    assert not re.search(r"<(?:script|link|img|iframe|object|a|form)\b|\ssrc=|\shref=|url\(|@import|javascript:", page)


async def test_without_the_right_to_list_pods_the_rest_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    an_app(api)
    api.rights.deny(verb="list", resource="pods")
    page = text_of(await report(api, capsys))
    assert "Pods are not shown" in page and "Deployment/web" in page


async def test_a_terminal_gets_no_html(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    api = fake_cluster()
    an_app(api)
    monkeypatch.setattr("kotsapp.cli.plugin.report.is_terminal", lambda: True)
    args = parse(["report", "shop"])
    with pytest.raises(CommandError, match="--to FILE"):
        await args.action(args, Target(connect(api), args, NAMESPACE))
    args = parse(["report", "kotsapp/shop", "--to", str(tmp_path / "shop.html")])
    assert await args.action(args, Target(connect(api), args, NAMESPACE)) == 0
    assert (tmp_path / "shop.html").read_text().startswith("<!doctype html>")


# -- in a browser


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-headless-shell", "google-chrome"))), None)


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on PATH")
@pytest.mark.parametrize("width", [360, 800, 1280])
async def test_a_browser_shows_it_at_any_width(width: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    an_app(api, release={"versionLabel": HOSTILE})
    a_pod(api)
    an_event(api, f"{HOSTILE} {'a-very-long-word' * 20}")
    page = await report(api, capsys)
    measured = in_browser(page, width, tmp_path)
    assert measured["title"].startswith("KotsApp shop"), "a script of the page's ran"
    assert measured["wide"] <= measured["room"] == width
    assert measured["sections"] == 6


@pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on PATH")
async def test_names_of_conditions_are_never_broken(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    api = fake_cluster()
    long = "Ingress/web: not applied without an account (spec.manifests[0].inline, document 1, line 1); " * 3
    types = ("Ready", "Stalled", "ImagesPullable", "PullSecretReady", "WorkloadsApplied", "WorkloadsHealthy")
    an_app(api, conditions=[condition(one, "False", "ReconciliationSucceeded", long) for one in types])
    measured = in_browser(await report(api, capsys), 1000, tmp_path)
    assert [name for name in measured["broken"] if name in types] == []


def in_browser(page: str, width: int, folder: Path) -> dict[str, Any]:
    """What a frame of that width measures, which a script beside it tells: the page itself runs none."""
    script = """
      const frame = document.querySelector("iframe"), inside = frame.contentDocument, root = inside.documentElement;
      document.title = JSON.stringify({title: inside.title, wide: root.scrollWidth, room: frame.clientWidth,
                                       sections: inside.querySelectorAll("section").length, broken: broken(inside)});"""
    broken = """
      function broken(inside) {  // what stands on more than one line at the head of a row
        return [...inside.querySelectorAll("tbody th")].filter(head => {
          const range = inside.createRange(); range.selectNodeContents(head); return range.getClientRects().length > 1;
        }).map(head => head.textContent);
      }"""
    frame = f'<iframe srcdoc="{escape(page)}" width="{width}" height="900" style="border:0"></iframe>'
    (folder / "frame.html").write_text(f"<body>{frame}<script>{broken} onload = () => {{{script}}}</script></body>")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}/profile", "--dump-dom"]
    command = [str(BROWSER), *flags, f"file://{folder}/frame.html"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    found = re.search(r"<title>(\{.*?\})</title>", done.stdout)
    assert found is not None, done.stderr[-2000:]
    measured: dict[str, Any] = json.loads(unescape(found[1]))
    return measured


ALLOWED = set(
    re.findall(
        r"\w+",
        "html head meta title style body header footer section p h1 h2 ul li dl div dt dd strong span code br "
        "table thead tbody tr th td time",
    )
)


class Reader(HTMLParser):
    """The page as a browser takes it apart."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.classes: list[str] = []
        self.text = ""
        self.styles = 0
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self._inside = tag
        self.styles += tag == "style"
        self.attributes |= {name for name, _ in attrs}
        self.classes += [one for name, value in attrs if name == "class" for one in str(value).split()]

    def handle_endtag(self, _tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside != "style":
            self.text += f" {data}"


def text_of(page: str) -> str:
    reader = Reader()
    reader.feed(page)
    return " ".join(reader.text.split())
