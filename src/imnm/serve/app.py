"""The application: settings in, an ASGI application out."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from imnm import __version__

from . import assess, hooks, logs, pages
from .audit import AuditError, Trail
from .clients import Clients
from .guard import Guard
from .people import People, SignInNeeded
from .refusal import Refused, for_program, outcome, phrase
from .settings import Settings
from .source import Patients
from .store import Store, StoreError
from .view import page, words
from .whatif import Held


def create_app(settings: Settings, *, background: bool = True) -> FastAPI:
    """The service. ``background``: read the patients while answering already (``/readyz`` says when they are there);
    else before the first answer. Raises StoreError or SettingsError if it cannot run as set."""
    app = FastAPI(
        title="imnm", version=__version__, docs_url=None, redoc_url=None, openapi_url=None, lifespan=_lifespan
    )
    state = app.state
    state.settings = settings
    state.background = background
    state.store = Store(settings.folder / "reviews.sqlite", settings.store)
    state.trail = Trail(settings.folder / "audit.ndjson")
    state.patients = Patients(settings.source)
    state.held = Held()
    state.people = People(settings)
    state.clients = Clients(settings, state.store)
    app.include_router(pages.open_router)
    app.include_router(hooks.router)
    app.include_router(pages.router)
    app.include_router(assess.router)
    app.router.routes.extend(state.people.routes())
    if settings.sign_in.kind == "oidc":
        _add_session(app, settings)
    app.add_middleware(Guard, settings=settings)
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(SignInNeeded, _to_sign_in)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(AuditError, _unavailable)
    app.add_exception_handler(StoreError, _unavailable)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    reader = threading.Thread(target=_read, args=(app,), daemon=True)
    reader.start()
    if not state.background:
        reader.join()
    yield
    gc.unfreeze()
    state.store.close()
    state.trail.close()
    logs.event("stopped")


def _read(app: FastAPI) -> None:
    """Read the patients, and load what the first page would wait for."""
    patients: Patients = app.state.patients
    try:
        hooks.warm_up()
        if app.state.background:
            pages.warm_up()
        patients.load()
    except Exception as error:
        patients.failure = "defect"
        logs.event("defect", logging.ERROR, **logs.defect(error))
    if patients.failure:
        logs.event("source_failed", logging.ERROR)
    elif patients.source is not None:
        logs.event("patients_read", count=len(patients.listed))
    if app.state.background:
        _settle()


def _settle() -> None:
    """What is loaded by now stays to the end: the collector need not walk through it at every turn, which would show
    in the slowest answers. A command that ends soon switches the collector off; a service must have it."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _add_session(app: FastAPI, settings: Settings) -> None:
    """A signed cookie that says who is signed in. Its key lives as long as the process."""
    import secrets

    from starlette.middleware.sessions import SessionMiddleware

    app.add_middleware(
        SessionMiddleware,
        secret_key=secrets.token_urlsafe(32),
        session_cookie="imnm_session",
        max_age=max(1, int(settings.sign_in.hours * 3600)),
        same_site="lax",
        https_only=settings.address.startswith("https://"),
    )


def _refuse(request: Request, status: int, sentence: str) -> Response:
    if for_program(request):
        return outcome(status, sentence)
    return page(request, "refused.html.j2", status, phrase=phrase(status), sentence=sentence)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return _refuse(request, error.status, error.sentence)


def _to_sign_in(request: Request, error: Exception) -> Response:
    return RedirectResponse("/sign-in", 303)


def _http(request: Request, error: Exception) -> Response:
    """What the framework refuses: an address or method that does not exist, a form that cannot be parsed."""
    assert isinstance(error, HTTPException)
    key = {404: "not_found", 405: "method"}.get(error.status_code, "form_type")
    answer = _refuse(request, error.status_code, words(f"error.{key}"))
    for name, value in (error.headers or {}).items():
        answer.headers[name] = value
    return answer


def _unavailable(request: Request, error: Exception) -> Response:
    logs.event("unavailable", logging.ERROR, **logs.defect(error))
    return _refuse(request, 503, words("error.audit") if isinstance(error, AuditError) else str(error))
