"""What mutations share: who may ask; refusals and faults as members of their unions."""

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from pydantic import ValidationError

from shared.errors import Overloaded, RejectionError, StoreError
from shared.graphql.execution import Info
from shared.graphql.results import failure
from shared.ledger.rejections import Rejection, reject
from shared.observe import STORE_FAILED, EventLog
from write_service.plans import Conflicted, Moved, Rejected, Unknown

_LOG = EventLog("mutations")

Answer = dict[str, Any]
Resolver = Callable[..., Awaitable[Answer | Rejection]]


def mutation(operation: str) -> Callable[[Resolver], Callable[..., Awaitable[Answer]]]:
    """Wraps a resolver: role admin needed, refusals and store faults answered as union members."""

    def wrap(resolver: Resolver) -> Callable[..., Awaitable[Answer]]:
        @wraps(resolver)
        async def resolve(source: object, info: Info, **arguments: Any) -> Answer:
            role = info.context.principal.role
            if role != "admin":
                return failure(reject("forbidden", role=role, operation=operation))
            try:
                answer = await resolver(info.context, **arguments)
            except RejectionError as error:
                answer = error.rejection
            except ValidationError as error:
                answer = reject("bad_request", detail=_first_problem(error))
            except Overloaded:
                answer = reject("overloaded")
            except StoreError as error:
                _LOG.error(STORE_FAILED, operation=operation, exception=error)
                answer = reject("unavailable", what="The store")
            return failure(answer) if isinstance(answer, Rejection) else answer

        return resolve

    return wrap


def _first_problem(error: ValidationError) -> str:
    """Where the input is wrong and how, of the first thing that is."""
    problem = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}."


def refusal(outcome: Rejected | Conflicted | Unknown | Moved) -> Rejection:
    """The one refusal that a mutation of a single thing answers with."""
    if isinstance(outcome, Rejected):
        return outcome.rejections[0][1]
    if isinstance(outcome, Conflicted | Moved):
        return reject("overloaded")
    return reject("unavailable", what="The store's answer")
