"""PURE: how far a native Link is synced, and what happens to that.

    round: since ◄── page ◄── page ◄── page ◄── newest      back in time, a page at a time
                              ▲ after

The system lists the newest first, and new ones come on top while a round is under way. So a round
notes the newest that it saw first, goes back until what the round before had seen, and the next
round begins at that note: what came meanwhile is on its way. It begins LINK_OVERLAP_S earlier than
it must, because a transaction may be listed a moment after others of its second or of a later one;
reading one again changes nothing. The first round has no beginning: it is the whole history. Each
page that is written moves `after`, so a round goes on where it was left.

A long round rests now and then, for a short one that brings in what came on top meanwhile: so new
transactions don't wait for the end of a history of years.
"""

from dataclasses import astuple, dataclass, replace
from typing import Any, Literal

from connectors.sources import Refusal, SourcePage
from shared.limits import (
    LINK_BACKOFF_MS,
    LINK_BACKOFF_MS_MAX,
    LINK_OVERLAP_S,
    LINK_REFUSALS_KEPT_MAX,
    LINK_REST_PAGES,
    LINK_TROUBLE_CHARS_MAX,
)

# idle: all is synced, the next look is due later · waiting: something failed, again later
# stopped: the system doesn't let us in; only an operator's command goes on
Status = Literal["new", "syncing", "idle", "waiting", "stopped"]
_STATUSES: dict[str, Status] = {
    "new": "new",
    "syncing": "syncing",
    "idle": "idle",
    "waiting": "waiting",
    "stopped": "stopped",
}


@dataclass(frozen=True, slots=True)
class Round:
    """One walk back in time; times are Stripe's, in seconds."""

    since_s: int | None  # None: the whole history
    newest_s: int | None = None  # of all that it saw
    oldest_s: int | None = None  # how far back it has come
    after: str | None = None
    looked: int = 0  # transactions that were on its pages
    pages: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one Link is."""

    status: Status = "new"
    high_s: int | None = None  # everything created until then is synced, but for refusals
    round: Round | None = None  # the one under way
    resting: Round | None = None  # a long one, while a short one goes before it
    synced: int = 0  # transactions whose Txs were written
    rounds: int = 0  # that were finished
    finished_ms: int | None = None  # when the last one was
    failures: int = 0  # one after the other
    trouble: str = ""  # what the last of them was
    refusals: tuple[Refusal, ...] = ()  # the newest, each transaction once
    refused: int = 0

    @property
    def has_looked(self) -> bool:
        """Whether a transaction was ever looked at."""
        rounds = [each for each in (self.round, self.resting) if each is not None]
        looked = any(each.looked for each in rounds)
        return looked or self.synced > 0 or self.refused > 0 or self.high_s is not None


def begun(progress: Progress) -> Progress:
    """A round that was left goes on; else the next one begins."""
    under_way = progress.round
    if under_way is None:
        high_s = progress.high_s
        under_way = Round(None if high_s is None else high_s - LINK_OVERLAP_S)
    return replace(progress, status="syncing", round=under_way)


def with_page(
    progress: Progress, page: SourcePage, synced: int, refusals: tuple[Refusal, ...]
) -> Progress:
    """After a page was written; `synced` of its transactions were new, `refusals` could not be."""
    under_way = progress.round
    assert under_way is not None
    under_way = replace(
        under_way,
        newest_s=_extreme(max, under_way.newest_s, page.newest_s),
        oldest_s=_extreme(min, under_way.oldest_s, page.oldest_s),
        after=page.after,
        looked=under_way.looked + len(page.transactions) + len(page.unreadable),
        pages=under_way.pages + 1,
    )
    known = {each.id for each in progress.refusals}
    kept = {each.id: each for each in (*progress.refusals, *refusals)}
    return replace(
        progress,
        round=under_way,
        synced=progress.synced + synced,
        refusals=tuple(kept.values())[-LINK_REFUSALS_KEPT_MAX:],
        refused=progress.refused + sum(each.id not in known for each in refusals),
        failures=0,
        trouble="",
    )


def _extreme(choose: Any, one: int | None, other: int | None) -> int | None:
    known = [each for each in (one, other) if each is not None]
    return choose(known) if known else None


def rested(progress: Progress) -> Progress:
    """After a page that isn't the last: a long round lets what is new go first, now and then."""
    under_way = progress.round
    assert under_way is not None
    newest_s = under_way.newest_s
    if progress.resting or newest_s is None or under_way.pages % LINK_REST_PAGES:
        return progress
    return replace(progress, round=Round(newest_s - LINK_OVERLAP_S), resting=under_way)


def finished(progress: Progress, now_ms: int) -> Progress:
    """After the last page: what the round saw first is where the next one begins. One that rested
    for it goes on.
    """
    under_way, resting = progress.round, progress.resting
    assert under_way is not None
    if resting is not None:
        newest_s = _extreme(max, resting.newest_s, under_way.newest_s)
        return replace(progress, round=replace(resting, newest_s=newest_s), resting=None)
    return replace(
        progress,
        status="idle",
        round=None,
        high_s=_extreme(max, progress.high_s, under_way.newest_s),
        rounds=progress.rounds + 1,
        finished_ms=now_ms,
        failures=0,
        trouble="",
    )


def failed(progress: Progress, trouble: str) -> Progress:
    """To be tried again later, from where the round is."""
    said = trouble[:LINK_TROUBLE_CHARS_MAX]
    return replace(progress, status="waiting", failures=progress.failures + 1, trouble=said)


def stopped(progress: Progress, trouble: str) -> Progress:
    """Until an operator says otherwise; the round stays where it is."""
    said = trouble[:LINK_TROUBLE_CHARS_MAX]
    return replace(progress, status="stopped", failures=progress.failures + 1, trouble=said)


def from_the_top(progress: Progress) -> Progress:
    """The round begins again: the place where it was is unknown to the system now."""
    assert progress.round is not None
    return replace(progress, round=replace(progress.round, after=None))


def resumed(progress: Progress) -> Progress:
    """What an operator lets go on at once."""
    status: Status = "new" if progress.rounds == 0 and progress.round is None else "idle"
    return replace(progress, status=status, failures=0, trouble="")


def again(progress: Progress, since_s: int | None) -> Progress:
    """What an operator lets be read again: all of it, or what was created since then; and what
    would have been read in any case.
    """
    high_s = progress.high_s
    if since_s is not None:
        since_s = None if high_s is None else min(since_s, high_s - LINK_OVERLAP_S)
    anew = Round(since_s)
    return replace(resumed(progress), round=anew, resting=None, refusals=(), refused=0)


def backoff_ms(progress: Progress, jitter: float) -> int:
    """How long a Link that failed waits; `jitter` is from 0 to 1."""
    doublings = min(max(progress.failures - 1, 0), 30)
    ceiling: int = min(LINK_BACKOFF_MS * 2**doublings, LINK_BACKOFF_MS_MAX)
    return ceiling // 2 + int(jitter * (ceiling // 2))


# --- As JSON values -------------------------------------------------------------------------------
def progress_record(progress: Progress) -> dict[str, Any]:
    """The progress as JSON values."""
    record: dict[str, Any] = {
        "status": progress.status,
        "high": progress.high_s,
        "synced": progress.synced,
        "rounds": progress.rounds,
        "finished": progress.finished_ms,
        "failures": progress.failures,
        "trouble": progress.trouble,
        "refusals": [[each.id, each.reason] for each in progress.refusals],
        "refused": progress.refused,
    }
    for name, each in (("round", progress.round), ("resting", progress.resting)):
        if each is not None:
            record[name] = list(astuple(each))
    return record


def progress_from_record(record: dict[str, Any]) -> Progress:
    """The progress that `progress_record` was given."""
    under_way, resting = record.get("round"), record.get("resting")
    return Progress(
        status=_STATUSES[record["status"]],
        high_s=record["high"],
        round=None if under_way is None else Round(*under_way),
        resting=None if resting is None else Round(*resting),
        synced=record["synced"],
        rounds=record["rounds"],
        finished_ms=record["finished"],
        failures=record["failures"],
        trouble=record["trouble"],
        refusals=tuple(Refusal(name, reason) for name, reason in record["refusals"]),
        refused=record["refused"],
    )
