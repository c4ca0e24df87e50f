"""What a site decides: addresses, where things are kept, who may sign in, which CDS clients are trusted."""

from __future__ import annotations

import ipaddress
import os
import ssl
import tomllib
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from imnm.knowledge.messages import say

MEGABYTE = 1_000_000


class SettingsError(ValueError):
    """Settings under which the service must not start; the message is one sentence for the person who starts it."""


class CdsClient(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A record system whose CDS Hooks calls are trusted.

    issuer: the exact ``iss`` of its tokens. Its public keys come from ``jwks_file`` (a JWK Set on disk) or from
    ``jku`` (an https address, the only one that is ever fetched for it). max_lifetime: most seconds between ``iat``
    and ``exp``.
    """

    issuer: str
    jwks_file: str | None = None
    jku: str | None = None
    max_lifetime: int = 3600


class SignIn(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How people sign in.

    kind: ``none`` (only on loopback), ``proxy`` (a reverse proxy has done it and names the person in ``header``;
    believed only from ``proxy_addresses``) or ``oidc`` (OpenID Connect with ``issuer`` and ``client_id``; the client
    secret stands in the environment variable ``IMNM_OIDC_SECRET``). allowed: who may enter, by the name or e-mail
    address the proxy or the issuer states; empty for everyone who can sign in. hours: how long a sign-in with OpenID
    Connect lasts.
    """

    kind: Literal["none", "proxy", "oidc"] = "none"
    header: str = "X-Forwarded-User"
    proxy_addresses: tuple[str, ...] = ("127.0.0.1", "::1")
    issuer: str = ""
    client_id: str = ""
    allowed: tuple[str, ...] = ()
    hours: float = 12


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Everything a site decides.

    base_url:     the address under which others reach the service, without a slash at its end.
    data:         the folder of what people enter (reviews, results) and of the audit trail.
    store:        where reviews are kept: a PostgreSQL address, or empty for a SQLite file in ``data``.
    max_body_mb:  the largest request body that is read.
    cors_origins: browser-based CDS clients that may call ``/cds-services`` from another origin.
    """

    source: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    base_url: str = ""
    data: str = ""
    store: str = ""
    max_body_mb: int = 64
    sign_in: SignIn = SignIn()
    cds_clients: tuple[CdsClient, ...] = ()
    cors_origins: tuple[str, ...] = ()
    tls_certificate: str | None = None
    tls_key: str | None = None

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def address(self) -> str:
        """The address under which the service is reached."""
        if self.base_url:
            return self.base_url.rstrip("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_certificate else 'http'}://{host}:{self.port}"

    @property
    def folder(self) -> Path:
        """The folder of what the service writes."""
        if self.data:
            return Path(self.data)
        home = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
        return Path(home) / "imnm"

    @property
    def hosts(self) -> frozenset[str]:
        """The names in a request's Host header that mean this service."""
        own = {self.host.strip("[]"), urlsplit(self.address).hostname or ""}
        return frozenset(own | {"localhost", "127.0.0.1", "::1"} if self.loopback else own)


def trusted() -> ssl.SSLContext:
    """The authorities whose certificates are believed of sites we call: those of this machine, where a hospital keeps
    its own, or of the file that the environment variable ``SSL_CERT_FILE`` names."""
    return ssl.create_default_context()


def load(path: str) -> dict[str, object]:
    """The settings of a TOML file. Raises SettingsError."""
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(say("serve.error.settings_unread", file=path)) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(say("serve.error.settings_toml", file=path, reason=error)) from error


def settings_of(values: dict[str, object]) -> Settings:
    """Settings from names and values. Raises SettingsError for unknown names, wrong types and unsafe combinations."""
    try:
        settings = msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(say("serve.error.settings_invalid", reason=error)) from error
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    """Refuse what would show patients to everyone, or let them travel in the clear."""
    sign_in = settings.sign_in
    if sign_in.kind == "oidc" and not (sign_in.issuer.startswith("https://") and sign_in.client_id):
        raise SettingsError(say("serve.error.oidc_incomplete"))
    if not 0 < sign_in.hours <= 24 * 7:
        raise SettingsError(say("serve.error.sign_in_hours"))
    if sign_in.kind == "oidc" and not os.environ.get("IMNM_OIDC_SECRET"):
        raise SettingsError(say("serve.error.oidc_secret"))
    if not settings.loopback and sign_in.kind == "none":
        raise SettingsError(say("serve.error.sign_in_needed", host=settings.host))
    if not settings.loopback and not settings.address.startswith("https://"):
        raise SettingsError(say("serve.error.https_needed", host=settings.host))
    if not 1 <= settings.max_body_mb <= 1000:
        raise SettingsError(say("serve.error.max_body"))
    for client in settings.cds_clients:
        if bool(client.jwks_file) == bool(client.jku):
            raise SettingsError(say("serve.error.client_keys", issuer=client.issuer))
        if client.jku and not client.jku.startswith("https://"):
            raise SettingsError(say("serve.error.client_jku", issuer=client.issuer))
