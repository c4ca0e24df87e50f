"""What every request passes: the Host it names, the size of its body, where a form came from; and what every answer
carries: security headers and one log line."""

from __future__ import annotations

import logging
import time
import uuid
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imnm.knowledge.messages import say

from . import logs
from .refusal import outcome
from .settings import MEGABYTE, Settings

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Nothing from elsewhere, no inline script. Inline style is what the plotting library and the bars use."""

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
QUIET = ("/healthz", "/readyz", "/static/")
"""Asked every few seconds by machines; not logged."""

PROBES = ("/healthz", "/readyz")
"""Asked by load balancers under whatever address they know; their answers are one word."""


class TooLarge(Exception):
    """The body is larger than is read."""


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.hosts = settings.hosts
        self.https = settings.address.startswith("https://")
        self.limit = settings.max_body_mb * MEGABYTE
        self.hooks = app
        if settings.cors_origins:
            self.hooks = CORSMiddleware(
                app, allow_origins=settings.cors_origins, allow_methods=["GET", "POST"],
                allow_headers=["authorization", "content-type"],
            )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if self.https:  # also where a proxy ends TLS: no redirect may lead to the address in the clear
            scope["scheme"] = "https"
        exchange = _Exchange(scope, receive, send, self.limit, self.https)
        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await outcome(*refusal)(scope, receive, exchange.send)
                return
            inner = self.hooks if scope["path"].startswith("/cds-services") else self.app
            await inner(scope, exchange.receive, exchange.send)
        except TooLarge:
            await exchange.answer(413, say("serve.error.too_large", limit=self.limit // MEGABYTE))
        except Exception as error:
            logs.event("defect", logging.ERROR, request=exchange.id, **logs.defect(error))
            await exchange.answer(500, say("serve.error.internal", request=exchange.id))
        finally:
            exchange.log()

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        host = _host_of(f"//{headers.get('host', '')}")
        if host not in self.hosts and scope["path"] not in PROBES:
            return 400, say("serve.error.host")
        if scope["method"] not in ("GET", "HEAD", "OPTIONS") and not _same_site(scope, headers, host):
            return 403, say("serve.error.other_site")
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return 400, say("serve.error.length")
        if len(length) > 15 or int(length) > self.limit:
            return 413, say("serve.error.too_large", limit=self.limit // MEGABYTE)
        return None


def _host_of(address: str) -> str:
    """The name of the machine in an address; empty if there is none (``http://[x`` is no address at all)."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _same_site(scope: Scope, headers: Headers, host: str) -> bool:
    """Whether a request that changes something comes from our own pages, or from a program (which sends neither
    header). CDS Hooks calls carry no cookie and are checked by their token."""
    if scope["path"].startswith("/cds-services"):
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or _host_of(origin) == host


class _Exchange:
    """One request and its answer, as far as the guard watches them."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, limit: int, https: bool) -> None:
        self.scope, self._receive, self._send = scope, receive, send
        self.limit, self.https = limit, https
        self.id = str(uuid.uuid4())
        self.read = 0
        self.status = 0
        self.start = time.perf_counter()
        scope.setdefault("state", {})["request_id"] = self.id

    async def receive(self) -> Message:
        message = await self._receive()
        self.read += len(message.get("body", b""))
        if self.read > self.limit:
            raise TooLarge
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
            headers["x-request-id"] = self.id
            if self.https:
                headers.setdefault("strict-transport-security", "max-age=31536000")
        await self._send(message)

    async def answer(self, status: int, sentence: str) -> None:
        if not self.status:
            await outcome(status, sentence)(self.scope, self._receive, self.send)

    def log(self) -> None:
        path = self.scope["path"]
        if path.startswith(QUIET):
            return
        route = self.scope.get("route")
        logs.event(
            "request",
            request=self.id,
            method=self.scope["method"] if self.scope["method"] in ("GET", "POST", "HEAD", "OPTIONS") else "other",
            route=getattr(route, "path", "none"),
            status=self.status,
            ms=round((time.perf_counter() - self.start) * 1000, 1),
            bytes=self.read,
        )
