"""Signing in, from the first page to the sign-out, against a real OpenID provider: the program ``imnm serve`` over TLS,
the provider (npm's oidc-provider, certified by the OpenID Foundation) over TLS, and a browser that is httpx.

Skipped, with the reason shown, where Node.js or its package cannot be had.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import httpx
import pytest

from imnm import examples

from . import tls

pytestmark = pytest.mark.slow

PACKAGE = "oidc-provider@9"
SECRET = "a-secret-of-the-test"
PERSON = "ana@hospital.example"
SHORT = 4.0
"""Seconds a sign-in lasts at the service whose sessions run out."""


class Site(NamedTuple):
    """The service and the provider, running."""

    url: str
    issuer: str
    trust: ssl.SSLContext
    data: Path
    log: Path


GIVEN: set[int] = set()


def free_port() -> int:
    """A port below those that the system gives to outgoing connections, and not given before."""
    for port in range(20_000 + os.getpid() % 5_000, 32_000):
        with socket.socket() as probe:
            if port not in GIVEN and probe.connect_ex(("127.0.0.1", port)):
                GIVEN.add(port)
                return port
    raise AssertionError("no port is free")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the provider in it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("Node.js and npm are not installed, so no OpenID provider can be started")
    folder = tmp_path_factory.mktemp("npm")
    (folder / "package.json").write_text('{"private": true}')
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE],
        cwd=folder, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"npm could not install {PACKAGE}: {done.stderr[-300:]}")
    return folder


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return tls.certificate(tmp_path_factory.mktemp("tls"))


def start_service(folder: Path, port: int, issuer: str, certificate: tuple[Path, Path], **sign_in: Any) -> Any:
    """``imnm serve`` with this sign-in, its log in ``log``."""
    public, private = certificate
    records = folder / "records"
    records.mkdir(parents=True)
    srp = next(one for one in examples.EXAMPLES if one.id == "srp")
    (records / srp.file).write_bytes(examples.read(srp))
    lines = [f'source = "{records}"', f"port = {port}", f'base_url = "https://localhost:{port}"',
             f'data = "{folder / "data"}"', f'tls_certificate = "{public}"', f'tls_key = "{private}"', "[sign_in]",
             'kind = "oidc"', f'issuer = "{issuer}"', 'client_id = "imnm"',
             *(f"{name} = {json.dumps(value)}" for name, value in sign_in.items())]  # fmt: skip
    (folder / "imnm.toml").write_text("\n".join(lines))
    environment = os.environ | {"IMNM_OIDC_SECRET": SECRET, "SSL_CERT_FILE": str(public)}
    program = "import sys; from imnm.cli import main; sys.exit(main())"
    with open(folder / "log", "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-c", program, "serve", "--config", str(folder / "imnm.toml")],
            stderr=log, stdout=subprocess.DEVNULL, env=environment,
        )  # fmt: skip


def start_provider(packages: Path, port: int, certificate: tuple[Path, Path], redirects: str) -> Any:
    asked = {"packages": str(packages), "port": port, "certificate": str(certificate[0]),
             "key": str(certificate[1]), "redirect": redirects, "secret": SECRET}  # fmt: skip
    script = Path(__file__).with_name("oidc_provider.mjs")
    return subprocess.Popen(
        ["node", str(script), json.dumps(asked)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def wait_for(url: str, trust: ssl.SSLContext, process: Any) -> None:
    for _ in range(300):
        assert process.poll() is None, f"the program behind {url} ended"
        try:
            if httpx.get(url, verify=trust).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(f"{url} does not answer")


@pytest.fixture(scope="module")
def site(packages: Path, certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    trust = ssl.create_default_context(cafile=str(certificate[0]))
    folder = tmp_path_factory.mktemp("site")
    own, theirs = free_port(), free_port()
    issuer = f"https://localhost:{theirs}"
    running = [
        start_provider(packages, theirs, certificate, f"https://localhost:{own}/sign-in/done"),
        start_service(folder / "long", own, issuer, certificate, allowed=[PERSON, "unverified"]),
    ]
    url = f"https://localhost:{own}"
    try:
        wait_for(f"{issuer}/.well-known/openid-configuration", trust, running[0])
        wait_for(f"{url}/readyz", trust, running[1])
        yield Site(url, issuer, trust, folder / "long" / "data", folder / "long" / "log")
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(30)


# ---------------------------------------------------------------- a browser


BROWSERS: list[httpx.Client] = []


@pytest.fixture(autouse=True)
def closing() -> Iterator[None]:
    """Close every browser after its test."""
    yield
    while BROWSERS:
        BROWSERS.pop().close()


def browser(site: Site) -> httpx.Client:
    made = httpx.Client(verify=site.trust, headers={"accept": "text/html"}, timeout=20)
    BROWSERS.append(made)
    return made


def goal(answer: httpx.Response) -> str:
    """Where an answer sends the browser."""
    assert answer.is_redirect, (answer.status_code, answer.text[:300])
    return str(answer.request.url.join(answer.headers["location"]))


def to_issuer(site: Site, person: httpx.Client, path: str = "/") -> str:
    """Ask for a page without being signed in; the address at the issuer to which that leads."""
    asked = person.get(site.url + path)
    assert goal(asked) == f"{site.url}/sign-in"
    at = goal(person.get(goal(asked)))
    assert at.startswith(f"{site.issuer}/auth?")
    return at


def back(site: Site, person: httpx.Client, at: str, name: str) -> str:
    """Sign in at the issuer under this name and agree; the address at the service to which that leads."""
    for _ in range(12):
        answer = person.get(at)
        if answer.is_redirect:
            at = goal(answer)
        else:
            at = goal(submit(person, answer, name))
        if at.startswith(site.url):
            return at
    raise AssertionError("the issuer does not send the browser back")


def submit(person: httpx.Client, page: httpx.Response, name: str) -> httpx.Response:
    """Send the form of a page of the issuer (who are you, do you agree, shall the earlier person be signed out)."""
    form = re.search(r'<form[^>]* action="([^"]+)"', page.text)
    assert form, page.text[:500]
    fields = {"login": name, "password": "any"}
    for field in re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", page.text):
        parts = dict(re.findall(r'(name|value)="([^"]*)"', field))
        fields[parts["name"]] = html.unescape(parts.get("value", ""))
    return person.post(str(page.request.url.join(html.unescape(form[1]))), data=fields)


def cookie_of(person: httpx.Client) -> str:
    """The session as the browser keeps it."""
    return next(str(cookie.value) for cookie in person.cookies.jar if cookie.name == "imnm_session")


def signed_in(site: Site, name: str = "ana", path: str = "/") -> httpx.Client:
    person = browser(site)
    done = person.get(back(site, person, to_issuer(site, person, path), name))
    assert goal(done) == site.url + path, done.text
    return person


def changed(address: str, **values: str) -> str:
    """An address with other query values."""
    parts = urlsplit(address)
    query = {name: found[0] for name, found in parse_qs(parts.query).items()} | values
    return urlunsplit(parts._replace(query=urlencode(query)))


def is_refused(answer: httpx.Response, status: int = 401) -> bool:
    return answer.status_code == status and "anti-SRP" not in answer.text


# ---------------------------------------------------------------- what happens


def test_a_person_signs_in_and_is_named(site: Site) -> None:
    person = signed_in(site)
    page = person.get(f"{site.url}/patients/example-srp")
    assert page.status_code == 200
    assert f"Signed in as {PERSON}" in page.text
    noted = [json.loads(line) for line in (site.data / "audit.ndjson").read_bytes().splitlines()]
    assert noted[-1]["agent"][0]["who"]["identifier"]["value"] == PERSON
    form = {"status": "reviewed", "note": "seen"}
    home = {"origin": site.url}
    assert person.post(f"{site.url}/patients/example-srp/review", data=form, headers=home).status_code in (200, 303)
    assert f"reviewed by {PERSON}" in person.get(f"{site.url}/patients/example-srp").text


def test_the_sign_in_leads_back_to_the_page_that_was_asked_for(site: Site) -> None:
    person = signed_in(site, path="/patients/example-srp")
    assert person.get(f"{site.url}/patients/example-srp").status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/x", "/%5Cevil.example", "/%2F%2Fevil.example"])
def test_the_sign_in_leads_nowhere_else(site: Site, path: str) -> None:
    person = browser(site)
    person.get(site.url + path)
    at = goal(person.get(f"{site.url}/sign-in"))
    assert urlsplit(goal(person.get(back(site, person, at, "ana")))).netloc == urlsplit(site.url).netloc


def test_the_request_carries_state_nonce_and_a_proof_of_possession(site: Site) -> None:
    query = parse_qs(urlsplit(to_issuer(site, browser(site))).query)
    assert query["response_type"] == ["code"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [f"{site.url}/sign-in/done"]
    assert all(len(query[name][0]) >= 20 for name in ("state", "nonce", "code_challenge"))
    again = parse_qs(urlsplit(to_issuer(site, browser(site))).query)
    assert all(query[name] != again[name] for name in ("state", "nonce", "code_challenge"))


def test_a_changed_state_is_refused(site: Site) -> None:
    person = browser(site)
    done = back(site, person, to_issuer(site, person), "ana")
    assert is_refused(person.get(changed(done, state="x" * 30)))
    assert goal(person.get(site.url)) == f"{site.url}/sign-in"


def test_a_changed_nonce_is_refused(site: Site) -> None:
    """A token that was issued for another sign-in, as the issuer itself signs it."""
    person = browser(site)
    assert is_refused(person.get(back(site, person, changed(to_issuer(site, person), nonce="n" * 30), "ana")))
    assert goal(person.get(site.url)) == f"{site.url}/sign-in"


def test_a_changed_challenge_is_refused(site: Site) -> None:
    person = browser(site)
    at = changed(to_issuer(site, person), code_challenge="E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
    assert is_refused(person.get(back(site, person, at, "ana")))


def test_a_code_is_of_use_to_nobody_else_and_once(site: Site) -> None:
    person, thief = browser(site), browser(site)
    done = back(site, person, to_issuer(site, person), "ana")
    assert is_refused(thief.get(done))
    assert goal(person.get(done)) == f"{site.url}/"
    assert is_refused(browser(site).get(done))
    assert is_refused(person.get(done))


@pytest.mark.parametrize(
    "query",
    ["", "?code=x", "?state=x", "?error=access_denied&error_description=<script>",
     "?code=x&state=x&iss=https://evil.example", "?state=x&code=" + "x" * 5000],
)  # fmt: skip
def test_what_no_issuer_sends_is_refused(site: Site, query: str) -> None:
    answer = browser(site).get(f"{site.url}/sign-in/done{query}")
    assert is_refused(answer)
    assert "<script>" not in answer.text


def test_somebody_who_is_not_on_the_list_sees_nothing(site: Site) -> None:
    person = signed_in(site, "eve")
    for path in ("/", "/patients/example-srp", "/api/worklist", "/api/reviews.csv"):
        assert is_refused(person.get(site.url + path), 403)


def test_an_address_that_is_not_verified_names_nobody(site: Site) -> None:
    """Whoever may write any e-mail address at the issuer must not become the person of that address."""
    person = signed_in(site, "unverified")
    assert "Signed in as unverified<" in person.get(site.url).text.replace(" <", "<")


def test_signing_out_ends_the_session_even_for_a_kept_cookie(site: Site) -> None:
    person = signed_in(site)
    kept = cookie_of(person)
    out = person.post(f"{site.url}/sign-out", headers={"origin": site.url})
    assert goal(out) == f"{site.url}/signed-out"
    assert "Signed out" in person.get(goal(out)).text
    assert goal(person.get(site.url)) == f"{site.url}/sign-in"
    with httpx.Client(verify=site.trust) as thief:
        stolen = thief.get(f"{site.url}/api/worklist", headers={"cookie": f"imnm_session={kept}"})
    assert is_refused(stolen)


def test_after_signing_out_the_issuer_asks_again_who_it_is(site: Site) -> None:
    """The issuer's own session would else let the next person at this computer in as the last one."""
    person = signed_in(site)
    straight = person.get(to_issuer(site, browser(site)))
    assert goal(straight).startswith(site.url), "the issuer knows the person"
    person.post(f"{site.url}/sign-out", headers={"origin": site.url})
    at = to_issuer(site, person)
    assert "/interaction/" in goal(person.get(at)), "the issuer asks"
    other = person.get(back(site, person, at, "eve"))
    assert is_refused(person.get(goal(other)), 403)


def test_another_site_cannot_sign_anybody_out(site: Site) -> None:
    person = signed_in(site)
    assert person.post(f"{site.url}/sign-out", headers={"origin": "https://evil.example"}).status_code == 403
    assert person.get(site.url).status_code == 200


def test_the_cookie_is_kept_from_scripts_other_sites_and_the_clear(site: Site) -> None:
    cookie = browser(site).get(f"{site.url}/sign-in").headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "secure", "samesite=lax"))


def test_a_session_runs_out(site: Site, certificate: tuple[Path, Path], packages: Path, tmp_path: Path) -> None:
    """At a service and a provider of its own, so that nobody waits for a working day."""
    own, theirs = free_port(), free_port()
    issuer = f"https://localhost:{theirs}"
    provider = start_provider(packages, theirs, certificate, f"https://localhost:{own}/sign-in/done")
    service = start_service(tmp_path / "brief", own, issuer, certificate, hours=SHORT / 3600)
    brief = site._replace(url=f"https://localhost:{own}", issuer=issuer)
    try:
        wait_for(f"{issuer}/.well-known/openid-configuration", site.trust, provider)
        wait_for(f"{brief.url}/readyz", site.trust, service)
        person = signed_in(brief)
        kept = cookie_of(person)
        assert person.get(brief.url).status_code == 200
        time.sleep(SHORT + 1.5)
        assert goal(person.get(brief.url)) == f"{brief.url}/sign-in"
        with httpx.Client(verify=site.trust) as thief:
            late = thief.get(f"{brief.url}/api/worklist", headers={"cookie": f"imnm_session={kept}"})
        assert is_refused(late)
        provider.send_signal(signal.SIGTERM)
        provider.wait(30)
        at = browser(brief).get(f"{brief.url}/sign-in")
        assert at.is_redirect or at.status_code == 503
    finally:
        for process in (service, provider):
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_an_issuer_that_is_not_there_is_no_defect(site: Site, certificate: tuple[Path, Path], tmp_path: Path) -> None:
    port = free_port()
    service = start_service(tmp_path / "alone", port, f"https://localhost:{free_port()}", certificate)
    try:
        wait_for(f"https://localhost:{port}/readyz", site.trust, service)
        answer = browser(site).get(f"https://localhost:{port}/sign-in")
        assert answer.status_code == 503
        assert "people sign in" in answer.text
    finally:
        service.send_signal(signal.SIGTERM)
        service.wait(30)


def test_the_log_holds_no_person_code_or_secret(site: Site) -> None:
    text = site.log.read_text()
    lines = [line for line in text.splitlines() if line.startswith("{")]
    assert any(json.loads(line).get("event") == "sign_in_failed" for line in lines)
    for word in ("hospital.example", "ana@", "example-srp", "code=", "state=", SECRET, "eyJ"):
        assert word not in text
