"""From an exception to what a caller is told. A traceback goes to the log, never out."""

from typing import Any

from graphql import GraphQLError

from shared.errors import (
    Overloaded,
    RejectionError,
    SearchUnavailable,
    StoreTimeout,
    StoreUnavailable,
)
from shared.graphql.codes import BAD_USER_INPUT
from shared.ledger.rejections import Rejection, reject
from shared.observe import RESOLVER_FAILED, EventLog

_UNAVAILABLE = reject("unavailable", what="The store")
_SEARCH_UNAVAILABLE = reject("unavailable", what="The search index")
_OVERLOADED = reject("overloaded")


class Failures:
    """Translates exceptions for one request; what nobody foresaw is logged."""

    __slots__ = ("_log", "_request_id")

    def __init__(self, log: EventLog, request_id: str) -> None:
        self._log = log
        self._request_id = request_id

    def rejection(self, raw: Exception) -> Rejection:
        """What `raw` means to the caller."""
        match raw:
            case RejectionError():
                return raw.rejection
            case StoreUnavailable() | StoreTimeout():
                return _UNAVAILABLE
            case SearchUnavailable():
                return _SEARCH_UNAVAILABLE
            case Overloaded():
                return _OVERLOADED
        self._log.error(RESOLVER_FAILED, request_id=self._request_id, exception=raw)
        refused = reject("internal_error")
        message = f"{refused.message} The request's id is {self._request_id}."
        return Rejection(refused.code, message, refused.retryable)

    def formatted(self, error: GraphQLError) -> dict[str, Any]:
        """One member of an answer's `errors`: message, place, path and what clients branch on."""
        answer: dict[str, Any] = {"message": error.message}
        raw = error.original_error
        if raw is None or isinstance(raw, GraphQLError):
            extensions = dict(error.extensions or {})
            extensions.setdefault("code", BAD_USER_INPUT)
            extensions.setdefault("retryable", False)
        else:
            rejection = self.rejection(raw)
            answer["message"] = rejection.message
            extensions = {"code": rejection.code, "retryable": rejection.retryable}
        if error.locations:
            answer["locations"] = [place.formatted for place in error.locations]
        if error.path is not None:
            answer["path"] = error.path
        answer["extensions"] = extensions
        return answer
