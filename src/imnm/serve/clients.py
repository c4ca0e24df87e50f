"""Who calls CDS Hooks: the JSON Web Token of each call, checked as the specification demands and a little more.

Issuers and keys are on a list; only asymmetric algorithms count; audience, times and single use are checked. A caller
who fails hears only that the call is not authorized; the log says why, and never holds the token.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.concurrency import run_in_threadpool

from imnm.knowledge.messages import say

from . import logs
from .refusal import Refused
from .settings import CdsClient, Settings, SettingsError, trusted
from .store import Store

ALGORITHMS = ("ES256", "ES384", "ES512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
"""Asymmetric only: never ``none``, never a shared secret."""
_KEY_TYPES = {"E": "EC", "R": "RSA", "P": "RSA"}
LONGEST_TOKEN = 16_384
LEEWAY = 30
"""Seconds by which clocks may differ."""
REFRESH = 600
EARLIEST_REFRESH = 60
LONGEST_JTI = 256
LARGEST_KEY_SET = 1_000_000


class Caller(NamedTuple):
    """Which record system calls."""

    issuer: str = ""
    tenant: str = ""


class Invalid(Exception):
    """The token is not accepted; the message is the reason, for the log."""


class _Keys:
    """The public keys of one client."""

    def __init__(self, client: CdsClient) -> None:
        self.client = client
        self.read_at = 0.0
        self.set: KeySet | None = None
        if client.jwks_file:
            try:
                self.set = _key_set(Path(client.jwks_file).read_bytes())
            except (OSError, Invalid) as error:
                raise SettingsError(say("serve.error.client_keys_unread", issuer=client.issuer)) from error

    def find(self, kid: str) -> Any:
        """The key of this id; None if there is none, or not exactly one."""
        found = [key for key in (self.set.keys if self.set else []) if key.kid == kid]
        return found[0] if len(found) == 1 else None

    def stale(self, kid: str) -> bool:
        """Whether the keys should be fetched again: they are old, or lack this key and were not fetched just now."""
        if self.client.jwks_file:
            return False
        age = time.monotonic() - self.read_at if self.read_at else float("inf")
        return age > REFRESH or (self.find(kid) is None and age > EARLIEST_REFRESH)

    def fetch(self) -> None:
        """Fetch the keys from the client's own address; what cannot be fetched leaves the earlier ones."""
        import httpx

        self.read_at = time.monotonic()
        assert self.client.jku
        try:
            with httpx.stream("GET", self.client.jku, timeout=5, follow_redirects=False, verify=trusted()) as answer:
                answer.raise_for_status()
                data = b""
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > LARGEST_KEY_SET:
                        raise Invalid("key set too large")
            self.set = _key_set(data)
        except (httpx.HTTPError, Invalid) as error:
            logs.event("keys_not_fetched", logging.WARNING, issuer=self.client.issuer, kind=type(error).__name__)


class Clients:
    """The record systems a site trusts. Without any, calls are open on loopback and refused elsewhere."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.keys = {client.issuer: _Keys(client) for client in settings.cds_clients}
        self.open = settings.loopback and not self.keys

    async def caller(self, authorization: list[str], paths: Sequence[str]) -> Caller:
        """Who calls one of these addresses. Raises Refused without a reason, which is logged."""
        if self.open:
            return Caller()
        try:
            return await self._verified(authorization, [f"{self.settings.address}{path}" for path in paths])
        except Invalid as error:
            logs.event("token_refused", logging.WARNING, reason=str(error))
            raise Refused(401, say("serve.cds.unauthorized")) from None

    async def _is_news(self, claims: Mapping[str, Any]) -> bool:
        """Whether the token has not been used before; it has from now on."""
        use = (str(claims["iss"]), str(claims["jti"]), float(claims["exp"]))
        return await run_in_threadpool(self.store.first_use, *use) if self.store.distant else self.store.first_use(*use)

    async def _verified(self, authorization: list[str], endpoints: Sequence[str]) -> Caller:
        token = _token(authorization)
        header, claims = _parts(token)
        keys = self.keys.get(claims.get("iss") if isinstance(claims.get("iss"), str) else "")  # type: ignore[arg-type]
        if keys is None:
            raise Invalid("issuer is not on the list")
        kid = _check_header(header, keys.client)
        if keys.stale(kid):
            await run_in_threadpool(keys.fetch)
        key = keys.find(kid)
        if key is None:
            raise Invalid("no key of this kid")
        _check_signature(token, key, header["alg"])
        _check_claims(claims, keys.client, endpoints, time.time())
        if not await self._is_news(claims):
            raise Invalid("jti was used before")
        tenant = claims.get("tenant")
        return Caller(claims["iss"], tenant if isinstance(tenant, str) else "")


def _key_set(data: bytes) -> KeySet:
    """The public keys of a JWK Set. Raises Invalid; a set that holds a shared secret or a private key is none. Keys of
    kinds that no algorithm here uses (``OKP``) are passed over, because a client may have them for others."""
    try:
        raw = msgspec.json.decode(data, type=dict[str, Any])
        if any(key.get("kty") == "oct" or "k" in key or "d" in key for key in raw["keys"]):
            raise Invalid("a key is secret")
        keys = [key for key in raw["keys"] if key.get("kty") in _KEY_TYPES.values()]
        if not keys or not all(key.get("kid") for key in keys):
            raise Invalid("not asymmetric public keys with a kid each")
        return KeySet.import_key_set({"keys": keys})
    except (msgspec.DecodeError, KeyError, TypeError, AttributeError, ValueError, JoseError) as error:
        raise Invalid("not a JWK Set") from error


def _token(authorization: list[str]) -> str:
    if len(authorization) != 1:
        raise Invalid("no Authorization header, or several")
    scheme, _, token = authorization[0].partition(" ")
    if scheme.lower() != "bearer" or not token or " " in token:
        raise Invalid("not a Bearer token")
    if len(token) > LONGEST_TOKEN:
        raise Invalid("token too long")
    return token


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, not yet to be believed."""
    try:
        found = jws.extract_compact(token.encode("ascii"))
        header = found.headers()
        claims = msgspec.json.decode(found.payload, type=dict[str, Any])
    except (JoseError, msgspec.DecodeError, ValueError, TypeError, RecursionError) as error:
        raise Invalid("not a JSON Web Token") from error
    return dict(header), claims


def _check_header(header: Mapping[str, Any], client: CdsClient) -> str:
    if header.get("alg") not in ALGORITHMS:
        raise Invalid("algorithm is not asymmetric")
    if not isinstance(header.get("typ"), str) or header["typ"].upper() != "JWT":
        raise Invalid("typ is not JWT")
    if "crit" in header or "jwk" in header or "x5u" in header or "x5c" in header or "b64" in header:
        raise Invalid("header names another key or an extension")
    if "jku" in header and header["jku"] != client.jku:
        raise Invalid("jku is not on the list")
    kid = header.get("kid")
    if not isinstance(kid, str) or not kid:
        raise Invalid("no kid")
    return kid


def _check_signature(token: str, key: Any, algorithm: str) -> None:
    if key.key_type != _KEY_TYPES[algorithm[0]]:
        raise Invalid("key and algorithm do not fit")
    if key.get("alg") not in (None, algorithm) or key.get("use") not in (None, "sig"):
        raise Invalid("key is for something else")
    try:
        jws.deserialize_compact(token.encode("ascii"), key, algorithms=[algorithm])
    except (JoseError, ValueError) as error:
        raise Invalid("signature is wrong") from error


def _check_claims(claims: Mapping[str, Any], client: CdsClient, endpoints: Sequence[str], now: float) -> None:
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    if not any(endpoint in named for endpoint in endpoints):
        raise Invalid("aud is not this endpoint")
    issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
    if expires <= now - LEEWAY:
        raise Invalid("token has expired")
    if issued > now + LEEWAY:
        raise Invalid("token is from the future")
    if expires <= issued or expires - issued > client.max_lifetime:
        raise Invalid("token lives too long")
    if "nbf" in claims and _seconds(claims, "nbf") > now + LEEWAY:
        raise Invalid("token is not valid yet")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not 0 < len(jti) <= LONGEST_JTI:
        raise Invalid("no jti")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    """A time in seconds since 1970-01-01."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise Invalid(f"{name} is no time")
    return float(value)
