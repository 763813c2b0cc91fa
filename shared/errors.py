"""The exception tree. Refusals of a caller's input are not here: they are values (rejections).

TwofoldError
├── ConfigurationError        settings that can't work; the process doesn't start
├── StoreError                DynamoDB
│   ├── StoreUnavailable      unreachable, throttled or overloaded, after bounded retries
│   ├── StoreTimeout          no answer: the write may or may not have happened
│   └── StoreRefused          a request that DynamoDB calls invalid: our mistake
├── SearchError               Elasticsearch
│   ├── SearchUnavailable     unreachable, overloaded, or it lets nobody in: later
│   └── SearchRefused         a request that Elasticsearch calls invalid: our mistake
├── StreamError               the change stream
│   ├── StreamTrimmed         the checkpoint is older than what the stream still keeps
│   └── StreamExpired         an iterator that has to be fetched again
├── SourceError               the system of a native Link (Stripe)
│   ├── SourceUnavailable     unreachable, throttled or broken: later
│   └── SourceRefused         it doesn't let us in: the key was revoked, or lacks a permission
├── Overloaded                a bounded queue is full; the caller may retry
├── LeaseLost                 another process follows this shard now
└── RejectionError            carries a Rejection through code that can't return one
"""

from shared.ledger.rejections import Rejection


class TwofoldError(Exception):
    """Root of every exception that Twofold raises on purpose."""

    retryable = False


class ConfigurationError(TwofoldError):
    """Settings that can't work."""


class StoreError(TwofoldError):
    """DynamoDB did not do what was asked."""


class StoreUnavailable(StoreError):
    """Unreachable, throttled or overloaded; nothing was written."""

    retryable = True


class StoreTimeout(StoreError):
    """No answer came: the write may or may not have happened."""

    retryable = True


class StoreRefused(StoreError):
    """DynamoDB calls the request invalid."""


class SearchError(TwofoldError):
    """Elasticsearch did not do what was asked."""


class SearchUnavailable(SearchError):
    """Unreachable, overloaded, blocked, or it lets nobody in."""

    retryable = True


class SearchRefused(SearchError):
    """Elasticsearch calls the request invalid."""


class StreamError(TwofoldError):
    """The change stream could not be read."""

    retryable = True


class StreamTrimmed(StreamError):
    """The checkpoint is older than what the stream still keeps: rebuild."""

    retryable = False


class StreamExpired(StreamError):
    """The shard iterator is too old: fetch another."""


class SourceError(TwofoldError):
    """The system of a native Link did not do what was asked. Its text never holds a key."""


class SourceUnavailable(SourceError):
    """Unreachable, throttled or broken."""

    retryable = True


class SourceRefused(SourceError):
    """The key was revoked, or lacks a permission."""


class Overloaded(TwofoldError):
    """A bounded queue is full."""

    retryable = True


class LeaseLost(TwofoldError):
    """Another process holds the lease now."""


class RejectionError(TwofoldError):
    """A rejection raised where no value can be returned (resolvers, parsers)."""

    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.message)
        self.rejection = rejection
        self.retryable = rejection.retryable
