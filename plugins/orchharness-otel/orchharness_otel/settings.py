"""What the environment says, in OpenTelemetry's own variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_DEFAULT = "http://localhost:4318"
_QUEUE, _BATCH, _DELAY = 2048, 512, 5000  # the defaults of the specification: spans, spans, milliseconds


class SettingsError(Exception):
    """The environment asks for something that is not supported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How spans are sent. `collector` is for people: scheme, host and port, without anything that may be secret.

    `queue` and `batch` are numbers of spans, `delay` is in seconds.
    """

    collector: str
    queue: int = _QUEUE
    batch: int = _BATCH
    delay: float = _DELAY / 1000


def settings_of(environ: Mapping[str, str]) -> Settings | None:
    """How spans are sent, or None: they are not.

    Raises:
        SettingsError: something is asked for that is not supported.
    """

    def first(names: tuple[str, ...]) -> tuple[str, str]:
        return next(((n, environ[n].strip()) for n in names if environ.get(n, "").strip()), ("", ""))

    _, wanted = first(("OTEL_TRACES_EXPORTER",))
    variable, endpoint = first(_ENDPOINTS)
    disabled = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if disabled or wanted == "none" or not (endpoint or wanted):
        return None
    if wanted not in ("", "otlp"):
        msg = f"OTEL_TRACES_EXPORTER={wanted!r} is not supported yet; write otlp, or none"
        raise SettingsError(msg)
    name, protocol = first(_PROTOCOLS)
    if protocol not in ("", "http/protobuf"):
        msg = f"{name}={protocol!r} is not supported yet; write http/protobuf"
        raise SettingsError(msg)
    queue = _whole(environ, "OTEL_BSP_MAX_QUEUE_SIZE", _QUEUE)
    return Settings(
        collector=_shown(variable, endpoint or _DEFAULT),
        queue=queue,
        batch=min(queue, _whole(environ, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _BATCH)),
        delay=_whole(environ, "OTEL_BSP_SCHEDULE_DELAY", _DELAY) / 1000,
    )


def _whole(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip() or str(default)
    if not (text.isascii() and text.isdigit() and int(text)):
        msg = f"{name}={text!r} is no whole number above 0"
        raise SettingsError(msg)
    return int(text)


def _shown(variable: str, endpoint: str) -> str:
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host:
        msg = f"{variable} is no address of a collector; write it as {_DEFAULT}"  # it may hold a password
        raise SettingsError(msg)
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
