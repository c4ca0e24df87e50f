"""Who asks: nobody known on loopback, the person a reverse proxy names, or one signed in with OpenID Connect."""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from imnm.knowledge.messages import say

from .refusal import Refused, for_program
from .settings import Settings

LOCAL = "local user"
"""Who uses a service that only this machine can reach."""


class Person(NamedTuple):
    """Who asks, as the sign-in names them."""

    name: str
    address: str


class SignInNeeded(Exception):
    """A person must sign in first; their browser is sent there."""


class People:
    """The sign-in of a site."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.sign_in = settings.sign_in
        self._client: Any = _oidc(settings) if self.sign_in.kind == "oidc" else None

    def person(self, request: Request) -> Person:
        """Who asks. Raises Refused, or SignInNeeded for a browser that can be sent to the sign-in."""
        address = request.client.host if request.client else ""
        kind = self.sign_in.kind
        if kind == "none":
            return Person(LOCAL, address)
        name = self._from_proxy(request, address) if kind == "proxy" else request.session.get("name", "")
        if not name:
            if kind == "oidc" and request.method == "GET" and not for_program(request):
                raise SignInNeeded
            raise Refused(401, say("serve.error.sign_in"))
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
        ]

    async def _start(self, request: Request) -> Response:
        address = f"{self.settings.address}/sign-in/done"
        answer: Response = await self._client.imnm.authorize_redirect(request, address)
        return answer

    async def _done(self, request: Request) -> Response:
        from authlib.integrations.base_client import OAuthError

        try:
            token = await self._client.imnm.authorize_access_token(request)
        except OAuthError as error:
            raise Refused(401, say("serve.error.sign_in_failed")) from error
        claims = token.get("userinfo") or {}
        name = _name_of(claims)
        if not name:
            raise Refused(401, say("serve.error.sign_in_failed"))
        request.session.clear()
        request.session["name"] = name
        return RedirectResponse("/", 303)

    async def _out(self, request: Request) -> Response:
        request.session.clear()
        return RedirectResponse("/", 303)


def _name_of(claims: dict[str, Any]) -> str:
    """What a person is called in reviews and the audit trail: a verified e-mail address, else the issuer's id."""
    if claims.get("email") and claims.get("email_verified"):
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
        client_kwargs={"scope": "openid email", "code_challenge_method": "S256"},
    )
    return oauth
