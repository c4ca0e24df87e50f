"""Who asks: nobody known on loopback, the person a reverse proxy names, or one signed in with OpenID Connect."""

from __future__ import annotations

import logging
import re
import secrets
import time
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from imnm.knowledge.messages import say

from . import logs
from .refusal import Refused, for_program
from .settings import Settings, trusted

LOCAL = "local user"
"""Who uses a service that only this machine can reach."""


class Person(NamedTuple):
    """Who asks, as the sign-in names them."""

    name: str
    address: str


class SignInNeeded(Exception):
    """A person must sign in first; their browser is sent there, and afterwards back to what they asked for."""


class People:
    """The sign-in of a site."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sign_in = settings.sign_in
        self._client: Any = _oidc(settings) if self.sign_in.kind == "oidc" else None
        self._signed_out: dict[str, float] = {}

    def person(self, request: Request) -> Person:
        """Who asks. Raises Refused, or SignInNeeded for a browser that can be sent to the sign-in."""
        address = request.client.host if request.client else ""
        kind = self.sign_in.kind
        if kind == "none":
            return Person(LOCAL, address)
        name = self._from_proxy(request, address) if kind == "proxy" else self._from_session(request)
        if not name:
            if kind == "oidc" and request.method == "GET" and not for_program(request):
                if "text/html" in request.headers.get("accept", ""):  # a page, not an icon the browser fetches besides
                    request.session["next"] = _inside(request)
                raise SignInNeeded
            raise Refused(401, say("serve.error.sign_in"))
        request.state.person = name  # also for the page that refuses: whoever took the wrong account must get out
        if self.sign_in.allowed and name not in self.sign_in.allowed:
            raise Refused(403, say("serve.error.not_allowed"))
        return Person(name, address)

    def _from_proxy(self, request: Request, address: str) -> str:
        if address not in self.sign_in.proxy_addresses:
            raise Refused(403, say("serve.error.not_proxy"))
        names = request.headers.getlist(self.sign_in.header)
        return names[0].strip()[:200] if len(names) == 1 else ""

    # ------------------------------------------------------------ OpenID Connect

    def routes(self) -> list[Route]:
        """The addresses of the sign-in, if the site uses OpenID Connect."""
        if self._client is None:
            return []
        return [
            Route("/sign-in", self._start),
            Route("/sign-in/done", self._done),
            Route("/sign-out", self._out, methods=["POST"]),
            Route("/signed-out", self._signed_out_page),
        ]

    def _from_session(self, request: Request) -> str:
        """The person of a session that has neither run out nor been signed out of, even if somebody kept its cookie."""
        session = request.session
        if float(session.get("until", 0)) < time.time() or session.get("id") in self._signed_out:
            return ""
        return str(session.get("name", ""))

    async def _start(self, request: Request) -> Response:
        address = f"{self.settings.address}/sign-in/done"
        # after signing out, a session that still lives at the issuer must not let the next person in as the last one
        again = {"prompt": "login"} if request.session.get("signed_out") else {}
        try:
            answer: Response = await self._client.imnm.authorize_redirect(request, address, **again)
        except Exception as error:
            raise _no_issuer(error) from error
        return answer

    async def _done(self, request: Request) -> Response:
        name = _name_of(await self._claims(request))
        if not name:
            raise Refused(401, say("serve.error.sign_in_failed"))
        goal = str(request.session.get("next", "/"))
        request.session.clear()
        until = time.time() + self.sign_in.hours * 3600
        request.session.update({"name": name, "id": secrets.token_urlsafe(16), "until": until})
        return RedirectResponse(goal, 303)

    async def _claims(self, request: Request) -> dict[str, Any]:
        """What the issuer says of the person who comes back from it. Raises Refused."""
        from authlib.common.errors import AuthlibBaseError
        from joserfc.errors import JoseError

        client = self._client.imnm
        try:
            token = await client.authorize_access_token(request)
            claims = dict(token.get("userinfo") or {})
            metadata = await client.load_server_metadata()
            if claims.get("sub") and "email" not in claims and metadata.get("userinfo_endpoint"):
                more = dict(await client.userinfo(token=token))
                if more.get("sub") == claims["sub"]:  # another person's claims may not be mixed in (OIDC Core 5.3.2)
                    claims = more | claims
        except (AuthlibBaseError, JoseError) as error:
            logs.event("sign_in_failed", logging.WARNING, **logs.defect(error))
            raise Refused(401, say("serve.error.sign_in_failed")) from error
        except Exception as error:
            raise _no_issuer(error) from error
        if str(metadata.get("issuer", "")).rstrip("/") != self.sign_in.issuer.rstrip("/"):
            logs.event("sign_in_failed", logging.ERROR, reason="issuer of another name")
            raise Refused(401, say("serve.error.sign_in_failed"))
        return claims

    async def _out(self, request: Request) -> Response:
        now = time.time()
        session = request.session
        self._signed_out = {id: until for id, until in self._signed_out.items() if until > now}
        if session.get("id"):
            self._signed_out[str(session["id"])] = float(session.get("until", 0))
        session.clear()
        session["signed_out"] = True
        return RedirectResponse("/signed-out", 303)

    async def _signed_out_page(self, request: Request) -> Response:
        from .view import page, words

        return page(request, "refused.html.j2", phrase=words("page.signed_out"), sentence=words("page.signed_out_text"))


def _inside(request: Request) -> str:
    """The address a browser asked for, as long as it leads nowhere else (``//evil.example`` would)."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return path if re.fullmatch(r"/([\w.~%-][\w.~%/?=&+:-]*)?", path, re.ASCII) and len(path) <= 500 else "/"


def _no_issuer(error: Exception) -> Refused:
    """What the issuer sends, or does not send, is no defect of ours; the log says what it was."""
    logs.event("issuer_unavailable", logging.ERROR, **logs.defect(error))
    return Refused(503, say("serve.error.no_issuer"))


def _name_of(claims: dict[str, Any]) -> str:
    """What a person is called in reviews and the audit trail: a verified e-mail address, else the issuer's id. Some
    issuers state truths as texts, of which ``"false"`` must not count as true."""
    if claims.get("email") and claims.get("email_verified") in (True, "true"):
        return str(claims["email"])[:200]
    return str(claims.get("sub", ""))[:200]


def _oidc(settings: Settings) -> Any:
    import os

    from authlib.integrations.starlette_client import OAuth

    oauth = OAuth()
    oauth.register(
        name="imnm",
        server_metadata_url=settings.sign_in.issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_id=settings.sign_in.client_id,
        client_secret=os.environ["IMNM_OIDC_SECRET"],
        client_kwargs={"scope": "openid email", "code_challenge_method": "S256", "verify": trusted(), "timeout": 10},
    )
    return oauth
