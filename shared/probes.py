"""What every process shows from outside: is it alive, is it ready, what has it counted.

GET /healthz    200 while the process answers
GET /readyz     200, or 503 with the name of each engine that is missing
GET /metrics    Prometheus text
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.errors import TwofoldError
from shared.limits import READINESS_CHECK_MS
from shared.observe import NOT_READY, EventLog, Metrics

# Returns when the engine answers, raises when it doesn't.
ReadinessCheck = Callable[[], Awaitable[object]]

_LOG = EventLog("probes")


def probe_routes(readiness: Mapping[str, ReadinessCheck], metrics: Metrics) -> list[Route]:
    """The three routes; `readiness` maps the name of an engine to how it is asked."""

    async def healthz(_request: Request) -> Response:
        return _json({"status": "ok"})

    async def readyz(_request: Request) -> Response:
        problems = await asyncio.gather(*[_problem(check) for check in readiness.values()])
        checks = dict(zip(readiness, problems, strict=True))
        missing = {name: problem for name, problem in checks.items() if problem is not None}
        if missing:
            _LOG.warning(NOT_READY, missing=missing)
        answers = {name: "ok" if problem is None else problem for name, problem in checks.items()}
        status = 503 if missing else 200
        return _json({"ready": not missing, "missing": list(missing), "checks": answers}, status)

    async def show_metrics(_request: Request) -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/healthz", healthz, methods=["GET"]),
        Route("/readyz", readyz, methods=["GET"]),
        Route("/metrics", show_metrics, methods=["GET"]),
    ]


async def _problem(check: ReadinessCheck) -> str | None:
    """Why the engine isn't ready, without what an exception's text might give away."""
    try:
        async with asyncio.timeout(READINESS_CHECK_MS / 1000):
            await check()
    except TimeoutError:
        return f"no answer within {READINESS_CHECK_MS} ms"
    except TwofoldError as error:
        return str(error) or type(error).__name__
    except Exception as error:  # whatever a driver raises means: not ready
        return type(error).__name__
    return None


def _json(body: object, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
