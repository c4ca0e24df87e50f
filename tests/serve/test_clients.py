"""Tokens of CDS clients: one that is right in every way passes once; each single fault is refused, without a reason."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.server
import json
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

from imnm.serve.settings import SettingsError

from . import tls
from .calls import call
from .conftest import example

ISSUER = "https://ehr.example/"
VIEW = "/cds-services/imnm-patient-view"
ENDPOINT = f"http://127.0.0.1:8000{VIEW}"
EC = ECKey.generate_key("P-384", {"kid": "ec", "use": "sig", "alg": "ES384"})
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
STRANGER = ECKey.generate_key("P-384", {"kid": "ec"})
FOR_ENCRYPTION = ECKey.generate_key("P-384", {"kid": "enc", "use": "enc"})
SAME_FOR_SIGNING = ECKey.import_key({k: v for k, v in FOR_ENCRYPTION.as_dict(private=True).items() if k != "use"})


@pytest.fixture
def guarded(start: Callable[..., TestClient], tmp_path: Path) -> TestClient:
    """A service that knows one client."""
    file = tmp_path / "jwks.json"
    keys = [key.as_dict(private=False) for key in (EC, RSA, FOR_ENCRYPTION)]
    file.write_text(json.dumps({"keys": keys}))
    return start(cds_clients=[{"issuer": ISSUER, "jwks_file": str(file)}])


def header(**changes: Any) -> dict[str, Any]:
    return _changed({"alg": "ES384", "typ": "JWT", "kid": "ec"}, changes)


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    right = {"iss": ISSUER, "aud": ENDPOINT, "iat": now, "exp": now + 300, "jti": str(uuid.uuid4())}
    return _changed(right, changes)


def _changed(right: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in (right | changes).items() if value is not ...}


def signed(head: dict[str, Any], body: Any, key: Any = EC) -> str:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    registry = jws.JWSRegistry(algorithms=[head["alg"]], strict_check_header=False)
    return jws.serialize_compact(head, payload, key, registry=registry)


def part(value: Any) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def by_secret(secret: bytes, head: dict[str, Any]) -> str:
    text = f"{part(head)}.{part(claims())}"
    return f"{text}.{part(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def send(service: TestClient, *authorization: str, path: str = VIEW) -> Any:
    headers = [("authorization", value) for value in authorization] + [("content-type", "application/json")]
    return service.post(path, content=json.dumps(call("patient-view", example("myalgia"))), headers=headers)


def bearer(token: str) -> str:
    return f"Bearer {token}"


@pytest.mark.parametrize(
    "token",
    [
        lambda: signed(header(), claims()),
        lambda: signed(header(), claims(aud=["https://other.example", ENDPOINT])),
        lambda: signed(header(alg="RS384", kid="rsa"), claims(), RSA),
        lambda: signed(header(alg="PS256", kid="rsa"), claims(), RSA),
        lambda: signed(header(), claims(tenant="a", extra={"x": 1})),
        lambda: signed(header(typ="jwt"), claims(iat=time.time(), exp=time.time() + 60.5)),
    ],
    ids=["es384", "several-audiences", "rs384", "ps256", "tenant", "fractions"],
)
def test_a_right_token_passes(guarded: TestClient, token: Callable[[], str]) -> None:
    assert send(guarded, bearer(token())).status_code == 200


def test_patients_of_two_tenants_with_one_id_have_two_pages(guarded: TestClient) -> None:
    """What one record system says of its patient must not stand under another's patient of the same id."""
    links, page_of = [], {}
    for tenant, record, sign in (("a", "untested", "anti-HMGCR is not known"), ("b", "srp", "anti-SRP myopathy")):
        request = call("patient-view", example(record).replace(f"example-{record}".encode(), b"same"))
        token = signed(header(), claims(tenant=tenant))
        cards = guarded.post(VIEW, json=request, headers={"authorization": bearer(token)}).json()["cards"]
        links.append(cards[0]["links"][0]["url"])
        page_of[links[-1]] = sign
    assert len(set(links)) == 2
    for link, sign in page_of.items():
        page = guarded.get(link, headers={"x-forwarded-user": "ana"})
        assert page.status_code == 200
        assert sign.lower() in page.text.lower()
    trail = guarded.app.state.trail.path.read_text().splitlines()  # type: ignore[attr-defined]
    seen = [entity["what"]["reference"] for line in trail for entity in json.loads(line)["entity"][1:]]
    assert set(seen) == {"Patient/same"}


def test_the_scheme_is_read_in_any_case(guarded: TestClient) -> None:
    assert send(guarded, "bearer " + signed(header(), claims())).status_code == 200


PEM = EC.as_pem(private=False)
WRONG: dict[str, Callable[[], str]] = {
    "not signed (none)": lambda: f"{part(header(alg='none'))}.{part(claims())}.",
    "not signed (None)": lambda: f"{part(header(alg='None'))}.{part(claims())}.",
    "HS256 with the public key": lambda: by_secret(PEM, header(alg="HS256")),
    "HS256 with an empty secret": lambda: by_secret(b"", header(alg="HS256")),
    "HS384 by name": lambda: by_secret(PEM, header(alg="HS384")),
    "alg left out": lambda: f"{part(header(alg=...))}.{part(claims())}.{part(b'x')}",
    "alg no string": lambda: f"{part(header(alg=['ES384']))}.{part(claims())}.{part(b'x')}",
    "RSA key with ES384": lambda: _other_header(header(kid="rsa")),
    "EC key with RS256": lambda: f"{part(header(alg='RS256'))}.{part(claims())}.{part(b'x' * 256)}",
    "another algorithm than the key's": lambda: signed(header(alg="ES256"), claims(), ECKey.generate_key("P-256")),
    "key for encryption": lambda: signed(header(kid="enc"), claims(), SAME_FOR_SIGNING),
    "signed by a stranger": lambda: signed(header(), claims(), STRANGER),
    "signature cut off": lambda: signed(header(), claims()).rsplit(".", 1)[0] + ".",
    "signature changed": lambda: signed(header(), claims())[:-4] + "AAAA",
    "claims changed": lambda: _swap(signed(header(), claims()), part(claims(tenant="other"))),
    "header changed": lambda: _other_header(header(x=1)),
    "unknown kid": lambda: signed(header(kid="other"), claims()),
    "no kid": lambda: signed(header(kid=...), claims()),
    "kid no string": lambda: f"{part(header(kid=1))}.{part(claims())}.{part(b'x')}",
    "kid with a path": lambda: signed(header(kid="../../etc/passwd"), claims()),
    "typ left out": lambda: signed(header(typ=...), claims()),
    "typ another": lambda: signed(header(typ="at+jwt"), claims()),
    "foreign jku": lambda: signed(header(jku="https://evil.example/jwks"), claims()),
    "key in the header": lambda: signed(header(jwk=STRANGER.as_dict(private=False)), claims(), STRANGER),
    "certificate in the header": lambda: signed(header(x5c=["MIIB"]), claims()),
    "critical extension": lambda: f"{part(header(crit=['x'], x=1))}.{part(claims())}.{part(b'x')}",
    "unencoded payload": lambda: f"{part(header(b64=False, crit=['b64']))}.{part(claims())}.{part(b'x')}",
    "foreign issuer": lambda: signed(header(), claims(iss="https://evil.example/")),
    "issuer without its slash": lambda: signed(header(), claims(iss=ISSUER.rstrip("/"))),
    "no issuer": lambda: signed(header(), claims(iss=...)),
    "issuer no string": lambda: signed(header(), claims(iss=[ISSUER])),
    "audience of another service": lambda: signed(header(), claims(aud=ENDPOINT.replace("view", "sign"))),
    "audience the base address": lambda: signed(header(), claims(aud="http://127.0.0.1:8000")),
    "audience with something behind": lambda: signed(header(), claims(aud=ENDPOINT + "/")),
    "no audience": lambda: signed(header(), claims(aud=...)),
    "no audience in the list": lambda: signed(header(), claims(aud=[])),
    "audience an object": lambda: signed(header(), claims(aud={ENDPOINT: 1})),
    "expired": lambda: signed(header(), claims(iat=time.time() - 400, exp=time.time() - 100)),
    "no exp": lambda: signed(header(), claims(exp=...)),
    "exp text": lambda: signed(header(), claims(exp="2999-01-01")),
    "exp true": lambda: signed(header(), claims(exp=True)),
    "exp endless": lambda: signed(header(), json.dumps(claims()).replace('"exp": ', '"exp": 1e999, "y": ').encode()),
    "exp before iat": lambda: signed(header(), claims(iat=time.time() + 20, exp=time.time() + 10)),
    "lives for a year": lambda: signed(header(), claims(exp=time.time() + 31_536_000)),
    "no iat": lambda: signed(header(), claims(iat=...)),
    "issued in the future": lambda: signed(header(), claims(iat=time.time() + 600, exp=time.time() + 900)),
    "not valid yet": lambda: signed(header(), claims(nbf=time.time() + 600)),
    "nbf text": lambda: signed(header(), claims(nbf="now")),
    "no jti": lambda: signed(header(), claims(jti=...)),
    "jti empty": lambda: signed(header(), claims(jti="")),
    "jti no string": lambda: signed(header(), claims(jti=5)),
    "jti very long": lambda: signed(header(), claims(jti="x" * 257)),
    "claims no object": lambda: signed(header(), ["x"]),
    "claims no JSON": lambda: signed(header(), b"\xff\xfe"),
    "claims deep": lambda: signed(header(), b"[" * 5_000),
    "two parts": lambda: signed(header(), claims()).rsplit(".", 1)[0],
    "encrypted form": lambda: "a.b.c.d.e",
    "no token at all": lambda: "x",
    "not ASCII": lambda: "\xe4.\xf6.\xfc",
    "very long": lambda: signed(header(), claims(pad="x" * 20_000)),
}


def _other_header(head: dict[str, Any]) -> str:
    return f"{part(head)}.{signed(header(), claims()).split('.', 1)[1]}"


def _swap(token: str, payload: str) -> str:
    first, _, last = token.split(".")
    return f"{first}.{payload}.{last}"


@pytest.mark.parametrize("name", WRONG)
def test_each_fault_is_refused_without_a_reason(guarded: TestClient, name: str) -> None:
    answer = send(guarded, bearer(WRONG[name]()).encode("latin-1"))  # type: ignore[arg-type]
    assert answer.status_code == 401
    assert answer.json()["issue"][0]["details"]["text"] == "The request is not authorized."


def test_a_token_is_used_once(guarded: TestClient) -> None:
    token = bearer(signed(header(), claims()))
    assert send(guarded, token).status_code == 200
    assert send(guarded, token).status_code == 401


def test_a_token_that_was_refused_is_not_used_up(guarded: TestClient) -> None:
    body = claims()
    assert send(guarded, bearer(signed(header(), body, STRANGER))).status_code == 401
    assert send(guarded, bearer(signed(header(), body))).status_code == 200


@pytest.mark.parametrize("authorization", [(), ("",), ("Basic abc",), ("Bearer",), ("Bearer ",), ("Bearer a b",)])
def test_no_bearer_token(guarded: TestClient, authorization: tuple[str, ...]) -> None:
    assert send(guarded, *authorization).status_code == 401


def test_two_tokens(guarded: TestClient) -> None:
    tokens = [bearer(signed(header(), claims())) for _ in range(2)]
    assert send(guarded, *tokens).status_code == 401


def test_feedback_needs_a_token_too(guarded: TestClient) -> None:
    told = {"feedback": [{"card": "c", "outcome": "overridden", "outcomeTimestamp": "2026-01-01T00:00:00Z"}]}
    assert guarded.post(f"{VIEW}/feedback", json=told).status_code == 401
    for audience in (f"{ENDPOINT}/feedback", ENDPOINT):
        token = bearer(signed(header(), claims(aud=audience)))
        assert guarded.post(f"{VIEW}/feedback", json=told, headers={"authorization": token}).status_code == 200


def test_discovery_needs_no_token(guarded: TestClient) -> None:
    assert guarded.get("/cds-services").status_code == 200


def test_beyond_loopback_a_token_is_needed_even_without_clients(start: Callable[..., TestClient]) -> None:
    wide = start(host="0.0.0.0", base_url="https://imnm.example", sign_in={"kind": "proxy"})
    assert send(wide).status_code == 401


@pytest.mark.parametrize(
    "keys",
    [
        [EC.as_dict(private=True)],
        [{"kty": "oct", "k": "c2VjcmV0", "kid": "s"}],
        [{**EC.as_dict(private=False), "kid": ""}],
        "none",
        [5],
    ],
    ids=["private", "secret", "no-kid", "no-list", "no-key"],
)
def test_key_sets_that_are_none_stop_the_service(start: Callable[..., TestClient], tmp_path: Path, keys: Any) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": keys}))
    with pytest.raises(SettingsError):
        start(cds_clients=[{"issuer": ISSUER, "jwks_file": str(file)}])


# ---------------------------------------------------------------- keys fetched from the client's own address


class KeyHouse:
    """A client's key set over TLS, and how often it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.keys: list[Any] = [EC]
        self.answer = b""
        self.status = 200
        self.asked = 0
        self.certificate, key = tls.certificate(folder)
        house = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                house.asked += 1
                sets = json.dumps({"keys": [key.as_dict(private=False) for key in house.keys]}).encode()
                self.send_response(house.status)
                self.send_header("location", "/elsewhere")
                self.end_headers()
                self.wfile.write(house.answer or sets)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.jku = f"https://localhost:{self.server.server_address[1]}/jwks"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyHouse]:
    made = KeyHouse(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.certificate))
    yield made
    made.close()


@pytest.fixture
def fetching(start: Callable[..., TestClient], house: KeyHouse) -> TestClient:
    return start(cds_clients=[{"issuer": ISSUER, "jku": house.jku}])


def test_keys_are_fetched_once_from_the_address_on_the_list(fetching: TestClient, house: KeyHouse) -> None:
    for head in (header(), header(jku=house.jku)):
        assert send(fetching, bearer(signed(head, claims()))).status_code == 200
    assert house.asked == 1
    assert send(fetching, bearer(signed(header(jku="https://localhost/other"), claims()))).status_code == 401
    assert house.asked == 1


def test_a_new_key_is_fetched_and_an_old_one_forgotten(
    fetching: TestClient, house: KeyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(fetching, bearer(signed(header(), claims()))).status_code == 200
    new = ECKey.generate_key("P-384", {"kid": "new"})
    house.keys = [new]
    assert send(fetching, bearer(signed(header(kid="new"), claims(), new))).status_code == 401, "asked a moment ago"
    later = time.monotonic() + 61
    monkeypatch.setattr("imnm.serve.clients.time.monotonic", lambda: later)
    assert send(fetching, bearer(signed(header(kid="new"), claims(), new))).status_code == 200
    assert send(fetching, bearer(signed(header(), claims()))).status_code == 401
    assert house.asked == 2


def test_a_key_of_another_kind_does_not_disturb(fetching: TestClient, house: KeyHouse) -> None:
    house.keys = [OKPKey.generate_key("Ed25519", {"kid": "okp"}), EC]
    assert send(fetching, bearer(signed(header(), claims()))).status_code == 200


def test_a_kid_that_is_there_twice_names_no_key(fetching: TestClient, house: KeyHouse) -> None:
    house.keys = [EC, STRANGER]
    for key in (EC, STRANGER):
        assert send(fetching, bearer(signed(header(), claims(), key))).status_code == 401


def test_unknown_keys_do_not_make_us_ask_over_and_over(fetching: TestClient, house: KeyHouse) -> None:
    for number in range(5):
        assert send(fetching, bearer(signed(header(kid=f"k{number}"), claims()))).status_code == 401
    assert house.asked == 1


@pytest.mark.parametrize(
    ("status", "answer"),
    [(302, b""), (500, b""), (200, b"no JSON"), (200, b"[" * 100_000), (200, b" " * 1_000_001), (200, b"{}")],
    ids=["redirect", "failed", "no-json", "deep", "large", "no-keys"],
)
def test_keys_that_cannot_be_had_refuse_the_call(
    fetching: TestClient, house: KeyHouse, status: int, answer: bytes
) -> None:
    house.status, house.answer = status, answer
    assert send(fetching, bearer(signed(header(), claims()))).status_code == 401
    assert house.asked == 1


def test_keys_of_an_unknown_authority_are_not_believed(
    start: Callable[..., TestClient], house: KeyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    unknown = start(cds_clients=[{"issuer": ISSUER, "jku": house.jku}])
    assert send(unknown, bearer(signed(header(), claims()))).status_code == 401
    assert house.asked == 0


def test_earlier_keys_hold_while_the_client_cannot_be_reached(
    fetching: TestClient, house: KeyHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(fetching, bearer(signed(header(), claims()))).status_code == 200
    house.status = 503
    later = time.monotonic() + 700
    monkeypatch.setattr("imnm.serve.clients.time.monotonic", lambda: later)
    assert send(fetching, bearer(signed(header(), claims()))).status_code == 200
    assert house.asked == 2
