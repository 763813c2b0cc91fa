"""PURE: which shards can be followed now, given what is finished: parents before children.

    shard A (closed) ──► B (closed) ──► D        a split: B has two children
                                   └──► E
    C ──────────────────────────────────►        another lineage

Records of one item stand in one lineage, in order, so a child is read after its parent is read to
the end. A stream forgets a closed shard a day after its last record: a parent that isn't listed any
more is finished if our checkpoint says so, and lost if it doesn't.
"""

from collections.abc import Iterable, Mapping

from shared.store.streams import Shard


class ShardGraph:
    """The shards that a stream lists at one moment."""

    def __init__(self, shards: Iterable[Shard]) -> None:
        self._shards = {shard.id: shard for shard in shards}

    def __contains__(self, shard_id: object) -> bool:
        return shard_id in self._shards

    def ready(self, finished: Mapping[str, bool]) -> list[Shard]:
        """Shards that are not finished and whose parent is finished or no longer listed.

        `finished` says of every shard with a checkpoint whether it was read to its end.
        """
        ready = []
        for shard in self._shards.values():
            if finished.get(shard.id, False):
                continue
            parent = shard.parent_id
            if parent is None or parent not in self._shards or finished.get(parent, False):
                ready.append(shard)
        return ready

    def roots(self) -> list[Shard]:
        """Shards whose parent isn't listed: where a projector without any checkpoint begins."""
        return [
            shard
            for shard in self._shards.values()
            if shard.parent_id is None or shard.parent_id not in self._shards
        ]

    def lost(self, finished: Mapping[str, bool]) -> list[str]:
        """Shards of which records went by unread: the projection must be rebuilt from the table.

        A shard with a checkpoint is gone before it was finished; or a listed shard follows a parent
        that is neither listed nor known. A projector without any checkpoint has lost nothing: it
        begins.
        """
        if not finished:
            return []
        lost = [
            shard_id
            for shard_id, is_finished in finished.items()
            if not is_finished and shard_id not in self._shards
        ]
        for shard in self.roots():
            parent = shard.parent_id
            if parent is not None and shard.id not in finished and parent not in finished:
                lost.append(parent)
        return lost

    def forgettable(self, finished: Mapping[str, bool]) -> list[str]:
        """Finished shards that aren't listed, and whose listed children all have checkpoints."""
        awaited = {shard.parent_id for shard in self._shards.values() if shard.id not in finished}
        return [
            shard_id
            for shard_id, is_finished in finished.items()
            if is_finished and shard_id not in self._shards and shard_id not in awaited
        ]
