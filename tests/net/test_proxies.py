"""Which proxy is used for which URL, by the rules of golang.org/x/net/http/httpproxy."""

import pytest
from yarl import URL

from kotsapp.net.proxies import Proxies, ProxyError

PROXY = "http://proxy.example.invalid:3128"


def is_direct(no_proxy: str, host: str) -> bool:
    url = URL(host if "://" in host else f"https://{host}/v2/")
    proxies = Proxies.from_environment({"HTTPS_PROXY": PROXY, "HTTP_PROXY": PROXY, "NO_PROXY": no_proxy})
    return proxies.proxy_for(url) is None


@pytest.mark.parametrize(
    ("no_proxy", "direct", "proxied"),
    [
        # a name is itself and all below it; with a dot or a star before it, those below it alone
        ("example.com", ["example.com", "a.example.com", "a.b.example.com:8443"], ["an-example.com", "example.com.de"]),
        (".example.com", ["a.example.com", "a.b.example.com"], ["example.com", "an-example.com"]),
        ("*.example.com", ["a.example.com", "a.b.example.com"], ["example.com", "an-example.com"]),
        ("EXAMPLE.com", ["example.com"], []),
        ("bücher.example", ["xn--bcher-kva.example", "bücher.example", "a.bücher.example"], ["bucher.example"]),
        # what OpenShift, Rancher and OLM write
        (".svc,.cluster.local", ["kubernetes.default.svc", "a.b.svc.cluster.local"], ["svc", "cluster.local"]),
        ("10.0.0.0/8", ["10.96.0.1", "10.0.0.1:6443", "[::ffff:10.1.2.3]"], ["11.0.0.1", "ten.example.com"]),
        ("10.96.0.1/12", ["10.111.255.255"], ["10.112.0.0"]),
        ("fd00::/8,2001:db8::/32", ["[fd00::1]:6443", "[2001:db8::5]"], ["[2001:db9::5]", "10.0.0.1"]),
        ("0.0.0.0/0", ["8.8.8.8"], ["[2001:db8::1]", "example.com"]),
        # addresses
        ("10.96.0.1", ["10.96.0.1", "10.96.0.1:6443"], ["10.96.0.10"]),
        ("2001:db8::1", ["[2001:db8::1]", "[2001:db8:0::1]:6443"], ["[2001:db8::2]"]),
        # ports, the scheme's own one among them
        ("example.com:8443", ["example.com:8443", "a.example.com:8443"], ["example.com", "example.com:443"]),
        ("example.com:443", ["example.com", "example.com:443"], ["http://example.com"]),
        ("example.com:80", ["http://example.com/"], ["example.com"]),
        ("10.96.0.1:6443", ["10.96.0.1:6443"], ["10.96.0.1"]),
        ("[2001:db8::1]:6443", ["[2001:db8::1]:6443"], ["[2001:db8::1]"]),
        # the list itself
        ("*", ["example.com", "8.8.8.8", "[2001:db8::1]"], []),
        ("a.example, *", ["example.com"], []),
        (" a.example , ,b.example", ["a.example", "b.example"], ["c.example"]),
        ("", [], ["example.com", "10.0.0.1"]),
        # what can't be read is left out, and the rest counts
        ("10.0.0.0/33,:443,10.0.0.0/255.0.0.0,b.example", ["b.example"], ["10.0.0.1", "c.example"]),
        # loopback never goes through a proxy
        ("", ["localhost", "localhost:5000", "127.0.0.1", "127.8.8.8", "[::1]:6443"], ["localhost.example.com"]),
    ],
)
def test_what_is_reached_without_a_proxy(no_proxy: str, direct: list[str], proxied: list[str]) -> None:
    assert [host for host in direct if not is_direct(no_proxy, host)] == []
    assert [host for host in proxied if is_direct(no_proxy, host)] == []


@pytest.mark.parametrize(
    ("environ", "http", "https"),
    [
        ({}, None, None),
        ({"HTTPS_PROXY": PROXY}, None, PROXY),
        ({"HTTP_PROXY": PROXY}, PROXY, None),
        ({"https_proxy": PROXY}, None, PROXY),
        ({"HTTPS_PROXY": PROXY, "https_proxy": "http://other.invalid"}, None, PROXY),
        ({"HTTPS_PROXY": "", "https_proxy": PROXY}, None, PROXY),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "", "no_proxy": "example.com"}, None, None),
        ({"ALL_PROXY": PROXY}, None, None),
        ({"HTTPS_PROXY": "proxy.example.invalid:3128"}, None, PROXY),
        ({"HTTPS_PROXY": "10.1.1.1"}, None, "http://10.1.1.1"),
        ({"HTTPS_PROXY": "https://me:secret@proxy.invalid"}, None, "https://me:secret@proxy.invalid"),
    ],
)
def test_the_variables_in_either_spelling(environ: dict[str, str], http: str | None, https: str | None) -> None:
    proxies = Proxies.from_environment(environ)
    assert proxies.proxy_for(URL("http://example.com/")) == http
    assert proxies.proxy_for(URL("https://example.com/")) == https


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("socks5://me:secret@10.0.0.1:1080", "HTTPS_PROXY: a socks5 proxy can't be used, only http and https"),
        ("socks5://10.0.0.1", "a socks5 proxy"),
        ("http://", "HTTPS_PROXY: expected http://HOST:PORT"),
        ("http://me:secret@proxy:port", "HTTPS_PROXY: expected http://HOST:PORT"),
    ],
)
def test_a_proxy_that_can_not_be_used_is_not_gone_around(written: str, says: str) -> None:
    proxies = Proxies.from_environment({"HTTPS_PROXY": written, "NO_PROXY": "inside.example"})
    assert proxies.proxy_for(URL("https://inside.example/")) is None
    with pytest.raises(ProxyError, match=says) as raised:
        proxies.proxy_for(URL("https://outside.example/"))
    assert "secret" not in str(raised.value)
