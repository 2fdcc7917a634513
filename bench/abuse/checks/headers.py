"""Host, what proxies add, what browsers are told, and what the log may hold."""

import json
import re
import subprocess

from abuse import forged_deb, forged_rpm, service, wire
from abuse.check import Bench, Check

EVIL = "evil.example"
# C0 but for the end of a line and the tab, DEL, C1, and what turns or breaks lines where text is shown.
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]")
HIDDEN = ["\x7f\x1b[31m", "\u0085\u009b31m", "\u2028\u2029", "\u202e\u2066", "\u200f\ufeff"]


def hosts(bench: Bench) -> None:
    with bench.server() as served:

        def status(label: str, sent: bytes, *good: int) -> None:
            answer = wire.exchange(served.address, sent, timeout=5, source="127.0.2.1")
            bench.tally.count(answer)
            bench.tally.expect(answer.status in good, f"{label}: {answer.outcome}, not {' or '.join(map(str, good))}")

        for method, path in (
            ("GET", "/"),
            ("GET", "/-/health"),
            ("HEAD", "/-/health"),
            ("PUT", f"/{service.ATTACKED_DEB}"),
            ("OPTIONS", "/"),
        ):
            start = f"{method} {path} HTTP/1.1\r\n".encode()
            end = b"Connection: close\r\nContent-Length: 0\r\n\r\n"
            status(f"{method} {path} without Host", start + end, 400)
            status(f"{method} {path} with two Hosts", start + b"Host: a\r\nHost: b\r\n" + end, 400)
            status(f"{method} {path} with the same Host twice", start + b"Host: a\r\nhost: a\r\n" + end, 400)
        status("GET of a whole URL without Host", b"GET http://a/-/health HTTP/1.1\r\nConnection: close\r\n\r\n", 400)
        status("HTTP/1.0 without Host", b"GET /-/health HTTP/1.0\r\n\r\n", 200)
        status("HTTP/1.0 with Host", b"GET /-/health HTTP/1.0\r\nHost: a\r\n\r\n", 200)
        status("HTTP/1.0 HEAD without Host", b"HEAD /-/health HTTP/1.0\r\n\r\n", 200)
        status("HTTP/1.1 with Host", b"GET /-/health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 200)


def proxies(bench: Bench) -> None:
    """With trusted_proxies unset nobody is believed; with public_url set, not even Host."""
    documents = [
        f"/-/mirrorlist/{service.HONEST_RPM}/x86_64",
        f"/-/setup/{service.HONEST_RPM}.repo",
        f"/-/setup/{service.HONEST_DEB}.sources",
        f"/-/setup/{service.HONEST_DEB}.list",
    ]
    forwarded = {
        "X-Forwarded-Host": EVIL,
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Port": "444",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Server": EVIL,
        "Forwarded": f"host={EVIL};proto=https",
        "X-Original-Host": EVIL,
        "X-Host": EVIL,
        "X-Original-URL": f"//{EVIL}",
    }
    with bench.server() as served:
        _publish(served)
        for path in documents:
            plain = wire.request(served.address, "GET", path, source="127.0.0.1")
            told = wire.request(served.address, "GET", path, headers=forwarded, source="127.0.0.1")
            bench.tally.count(told)
            bench.tally.expect(plain.status == 200, f"GET {path}: {plain.outcome}")
            bench.tally.expect(told.body == plain.body, f"GET {path}: X-Forwarded-… of loopback change it")
            controls = told.headers.get("cache-control", ""), told.headers.get("vary", "")
            safe = "private" in controls[0] or "no-store" in controls[0] or "host" in controls[1].lower()
            bench.tally.expect(safe, f"GET {path}: Cache-Control {controls[0]!r} and Vary {controls[1]!r} let a proxy give it to others")
        _pauses(bench, served)
    configuration = service.configuration() | {"server": {"public_url": "https://packages.example.org/rws"}}
    with bench.server("public", configuration=configuration) as served:
        _publish(served)
        for path in documents:
            answers = [
                wire.exchange(served.address, wire.head("GET", path, {"Connection": "close", **more}, host), timeout=5)
                for host, more in (("localhost", {}), (EVIL, {}), (EVIL, forwarded))
            ]
            bench.tally.expect(len({answer.body for answer in answers}) == 1, f"GET {path}: Host changes it though public_url is set")
            bench.tally.expect(b"packages.example.org" in answers[0].body, f"GET {path}: public_url is not used: {answers[0].body[:80]!r}")


def _pauses(bench: Bench, served: service.Service) -> None:
    """Guesses from loopback that name another address each are slowed down as one address."""
    seconds = []
    for number in range(4):
        guess = wire.User("honest-pbkdf2", f"wrong {number}")
        headers = {"X-Forwarded-For": f"198.51.100.{number}"}
        seconds.append(
            wire.request(served.address, "POST", f"/{service.HONEST_DEB}", user=guess, headers=headers, source="127.0.3.3").seconds
        )
    bench.tally.note(f"guesses with a new X-Forwarded-For each: {[round(value, 2) for value in seconds]} s")
    bench.tally.expect(seconds[-1] > 0.9, "X-Forwarded-For of loopback makes a guesser a new one: no pauses")


def _publish(served: service.Service) -> None:
    user = service.honest_users()[0]
    for target, file, product in (
        (service.HONEST_DEB, forged_deb.deb("first"), "first"),
        (service.HONEST_RPM, forged_rpm.rpm("first"), None),
    ):
        wire.upload(served.address, target, [file], user=user, product=product, query="?wait=20", source="127.0.1.1")


def documents(bench: Bench) -> None:
    """XML that users send is not shown as a page of this service."""
    script = b'<?xml version="1.0"?><?xml-stylesheet href="data:text/xsl,x" type="text/xsl"?><comps xmlns:h="http://www.w3.org/1999/xhtml"><group><id>a</id><name><h:script>alert(1)</h:script></name></group></comps>'
    with bench.server() as served:
        _publish(served)
        user = service.honest_users()[0]
        path = f"/-/metadata/{service.HONEST_RPM}/x86_64/comps?wait=20"
        sent = wire.request(served.address, "PUT", path, user=user, body=script, source="127.0.1.1")
        bench.tally.note(f"comps with a script: {sent.outcome} {sent.body[:120]!r}")
        if sent.status != 201:
            wire.request(served.address, "PUT", path, user=user, body=b"<comps><group><id>a</id></group></comps>", source="127.0.1.1")
        base = f"/{service.HONEST_RPM}/x86_64/repodata"
        root = wire.request(served.address, "GET", f"{base}/repomd.xml").body.decode()
        found = [f"{base}/repomd.xml", *(f"/{service.HONEST_RPM}/x86_64/{name}" for name in re.findall(r'<location href="([^"]+)"', root))]
        bench.tally.expect(any("comps" in name for name in found), "comps do not come into repomd.xml")
        for name in found:
            answer = wire.request(served.address, "GET", name)
            policy = answer.headers.get("content-security-policy", "")
            bench.tally.count(answer)
            bench.tally.expect(answer.headers.get("x-content-type-options") == "nosniff", f"GET {name}: no nosniff")
            bench.tally.expect("sandbox" in policy or not name.endswith(".xml"), f"GET {name}: Content-Security-Policy is {policy!r}")


def logs(bench: Bench) -> None:
    """Whatever a client sends, the log has neither control characters nor what turns lines."""
    for form in ("text", "json"):
        with bench.server(form, environment={"RWS_LOG_FORMAT": form, "RUST_LOG": "debug"}) as served:
            before = set(FORBIDDEN.findall(served.log()))
            for number, hidden in enumerate(HIDDEN):
                _say_everywhere(served, hidden, number)
            # What is published says more.
            _publish(served)
            log = served.log()
            found = {f"U+{ord(character):04X}" for character in set(FORBIDDEN.findall(log)) - before}
            lines = [line for line in re.split(r"\r?\n", log) if (set(FORBIDDEN.findall(line)) - before)][:3]
            bench.tally.expect(not found, f"the log ({form}) has {', '.join(sorted(found))}: {[line[:200] for line in lines]!r}")
            bench.tally.expect(
                "forged-line" not in {line.strip() for line in log.splitlines()}, f"the log ({form}) has a line that a client wrote"
            )
            bench.tally.note(f"{form}: {len(log)} bytes of log")


def _say_everywhere(served: service.Service, hidden: str, number: int) -> None:
    """In a path, a query, headers, a name, a password, a file name and a product."""
    text = f"a{hidden}b\nforged-line"
    escaped = "".join(f"%{byte:02X}" for byte in text.encode())
    raw = f"a{hidden}b".encode()
    source = f"127.0.4.{number + 1}"
    user = service.honest_users()[0]
    for method, path in (
        ("GET", f"/live/{escaped}"),
        ("GET", f"/?format={escaped}"),
        ("GET", f"/-/status/{escaped}"),
        ("POST", f"/live/{escaped}/ubuntu/focal"),
        ("DELETE", f"/{service.HONEST_DEB}/{escaped}.deb"),
        ("PUT", f"/-/incoming/{service.HONEST_DEB}/{escaped}/x_1_amd64.deb"),
    ):
        wire.request(served.address, method, path, user=user, source=source, timeout=10)
    for name in (b"User-Agent", b"Referer", b"X-Request-Id", b"X-Forwarded-For", b"Origin", b"Content-Type", b"Prefer"):
        sent = (
            b"PUT /live HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\nAuthorization: "
            + user.basic.encode()
            + b"\r\n"
            + name
            + b": "
            + raw
            + b"\r\n\r\n"
        )
        wire.exchange(served.address, sent, source=source, timeout=10)
    wire.exchange(
        served.address, b"GET /" + raw + b" HTTP/1.1\r\nHost: a" + raw + b"\r\nConnection: close\r\n\r\n", source=source, timeout=10
    )
    wire.exchange(served.address, raw + b" / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", source=source, timeout=10)
    wire.request(served.address, "POST", f"/{service.HONEST_DEB}", user=wire.User(text, text), source=source, timeout=15)
    _, content = forged_deb.deb(f"hidden-{number}", more=f"X-Note: a{hidden}b\n")
    for file_name, product in ((f"x{hidden}y_1_amd64.deb", "p"), (f"hidden-{number}_1.0_amd64.deb", f"p{hidden}q")):
        wire.upload(served.address, service.HONEST_DEB, [(file_name, content)], user=user, product=product, source=source)
    more = {1004: (6, f"s{hidden}"), 1000: (6, f"h{hidden}n")}
    wire.upload(
        served.address, service.HONEST_RPM, [(f"h{number}-1.0-1.x86_64.rpm", forged_rpm.rpm("h", more=more)[1])], user=user, source=source
    )


def configuration(bench: Bench) -> None:
    """`config check` names patterns that match nothing, and keys that stand twice."""
    directory = bench.directory
    directory.mkdir(parents=True)

    def said(text: str) -> str:
        path = directory / "config.json"
        path.write_text(text)
        ran = subprocess.run(
            [str(bench.settings.program), "config", "check", "--config", str(path)],
            capture_output=True,
            text=True,
            cwd=directory,
            timeout=20,
        )
        bench.tally.count(f"exit code {ran.returncode}")
        return ran.stdout + ran.stderr

    base = service.configuration() | {"users": {"ci": {"hash": bench.settings.hashed["scrypt"], "allow": ["live/9.99/*", "live/1.10/*"]}}}
    output = said(json.dumps(base))
    bench.tally.expect("live/9.99/*" in output, f"config check does not name an `allow` that matches nothing: {output[:300]!r}")
    bench.tally.expect("live/1.10/*" not in output, f"config check names an `allow` that matches: {output[:300]!r}")
    repeated = json.dumps(base)[:-1] + ', "anchors": {"a": ["live"]}, "users": {"ci": "x"}}'
    output = said(repeated)
    bench.tally.expect("anchors" in output, f"config check does not name a key that stands twice: {output[:300]!r}")
    nested = json.dumps(base).replace('"allow": [', '"allow": ["live/2.8/*"], "allow": [', 1)
    output = said(nested)
    bench.tally.expect(
        bool(re.search(r"allow.*(twice|duplicate|again)|(twice|duplicate|again).*allow", output, re.S)),
        f"config check does not name a nested key that stands twice: {output[:300]!r}",
    )


CHECKS = [
    Check("hosts", "no Host, or two", hosts),
    Check("proxies", "headers of proxies that nobody trusts", proxies),
    Check("documents", "XML that users send", documents),
    Check("logs", "control characters everywhere", logs),
    Check("configuration", "what config check finds", configuration),
]
