"""``imnm serve``."""

from __future__ import annotations

import argparse
import socket
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imnm.knowledge.messages import say

if TYPE_CHECKING:
    from .settings import Settings

Commands = Any
"""The subparsers of the command line."""


def register(commands: Commands, user_error: type[Exception]) -> None:
    """Add ``imnm serve`` to the command line. ``user_error``: what is raised for what the user must change."""
    text = say("serve.cli.help")
    parser = commands.add_parser("serve", help=text, description=text, epilog=say("serve.cli.example"))
    parser.add_argument("source", metavar="SOURCE", nargs="?", help=say("serve.cli.source"))
    for flag, metavar in (("host", "ADDRESS"), ("port", "PORT"), ("config", "FILE"), ("data", "DIR"), ("store", "URL")):
        parser.add_argument(
            f"--{flag}", metavar=metavar, type=int if flag == "port" else str, help=say(f"serve.cli.{flag}")
        )
    parser.add_argument("--check-audit", action="store_true", help=say("serve.cli.check_audit"))
    parser.add_argument("--check-health", action="store_true", help=say("serve.cli.check_health"))
    parser.set_defaults(command=partial(serve, user_error=user_error))


def serve(arguments: argparse.Namespace, user_error: type[Exception]) -> int:
    """Run the service until it is stopped."""
    from .settings import SettingsError

    try:
        settings = _settings(arguments)
        if arguments.check_audit:
            return _check_audit(settings)
        if arguments.check_health:
            return _check_health(settings)
        _run(settings)
    except SettingsError as error:
        raise user_error(str(error)) from error
    except ModuleNotFoundError as error:
        if error.name and error.name.split(".")[0] == "imnm":
            raise
        raise user_error(say("serve.error.no_extra")) from error
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    from .settings import load, settings_of

    values = load(arguments.config) if arguments.config else {}
    given = {name: getattr(arguments, name) for name in ("source", "host", "port", "data", "store")}
    values |= {name: value for name, value in given.items() if value is not None}
    return settings_of(values)


def _check_audit(settings: Settings) -> int:
    from .audit import Trail, check
    from .settings import SettingsError

    file = settings.folder / "audit.ndjson"
    try:
        broken = check(file)
    except OSError as error:
        raise SettingsError(say("serve.error.audit_unread", file=file)) from error
    if broken is not None:
        raise SettingsError(say("serve.error.audit_broken", file=file, line=broken))
    trail = Trail(file)
    print(say("serve.cli.audit_whole", file=file, head=trail.head()))
    trail.close()
    return 0


def _check_health(settings: Settings) -> int:
    """Ask the service that runs with these settings on this machine whether it answers: 0 if so, else 1."""
    import http.client
    import ssl

    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host.strip("[]"))
    if settings.tls_certificate:  # asking oneself: the certificate is for the name that others use
        context = ssl._create_unverified_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, settings.port, timeout=5, context=context
        )
    else:
        connection = http.client.HTTPConnection(host, settings.port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        healthy = connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        healthy = False
    finally:
        connection.close()
    print(say("serve.cli.healthy" if healthy else "serve.cli.not_healthy"))
    return 0 if healthy else 1


def _run(settings: Settings) -> None:
    import uvicorn

    from . import logs
    from .app import create_app
    from .settings import SettingsError
    from .store import StoreError

    _check_source(settings)
    _check_port(settings)
    logs.set_up()
    try:
        app = create_app(settings)
    except StoreError as error:
        raise SettingsError(str(error)) from error
    _say_hello(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
    )
    uvicorn.Server(config).run()


def _check_source(settings: Settings) -> None:
    """A source that is not there is the user's mistake and said before anything starts."""
    from .settings import SettingsError

    source = settings.source
    if source is not None and "://" not in source and not Path(source).exists():
        raise SettingsError(say("population.error.not_there", source=source))


def _check_port(settings: Settings) -> None:
    from .settings import SettingsError

    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host.strip("[]"), settings.port))
        except (OSError, OverflowError) as error:
            raise SettingsError(say("serve.error.port", port=settings.port, host=settings.host)) from error


def _say_hello(settings: Settings) -> None:
    if settings.loopback:
        print(say("serve.cli.listening", address=settings.address), file=sys.stderr)
        if not settings.cds_clients:
            print(say("serve.cli.open_hooks"), file=sys.stderr)
        return
    print(say("serve.cli.listening_wide", address=settings.address, kind=settings.sign_in.kind), file=sys.stderr)
    if not settings.cds_clients:
        print(say("serve.cli.no_clients"), file=sys.stderr)
