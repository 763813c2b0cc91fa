"""What a load believes it has posted: one file of acknowledged iks, one of those whose fate is
unknown.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class AckFiles:
    """The two files of one load, an ik a line."""

    acknowledged: Path
    unknown: Path

    def read_acknowledged(self) -> list[str]:
        """The iks that were answered as posted, in order; one answered twice stands twice."""
        return read_iks(self.acknowledged)

    def read_unknown(self) -> list[str]:
        """The iks that may or may not have been posted."""
        return read_iks(self.unknown)


def ack_files(folder: Path, name: str) -> AckFiles:
    """The files of the load `name`; `folder` is made if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    return AckFiles(folder / f"{name}.acknowledged", folder / f"{name}.unknown")


def read_iks(path: Path) -> list[str]:
    """The lines of a file of iks; none when it isn't there."""
    if not path.exists():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line]


class AckWriter:
    """Writes both files. A context manager."""

    def __init__(self, files: AckFiles) -> None:
        self.files = files
        self._acknowledged = files.acknowledged.open("a", encoding="utf-8")
        self._unknown = files.unknown.open("a", encoding="utf-8")

    def __enter__(self) -> "AckWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def acknowledge(self, iks: list[str]) -> None:
        """These were answered as posted."""
        self._acknowledged.writelines(f"{ik}\n" for ik in iks)

    def doubt(self, iks: list[str]) -> None:
        """No answer came for these, or one that leaves it open."""
        self._unknown.writelines(f"{ik}\n" for ik in iks)

    def close(self) -> None:
        """Flushes and closes both files."""
        self._acknowledged.close()
        self._unknown.close()
