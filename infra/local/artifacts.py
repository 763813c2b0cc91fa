"""The engines' jars: which ones, where they are cached, and whether they are the right ones.

    pins/*.txt ──read_pins──► Pin ──fetch (jgo)──► incoming/ ──sha256──► cache/maven/ ──► class path

The pins are the whole closure, so a start resolves nothing: each file is fetched by its coordinates
and compared with the committed sha256 before it gets its name in the cache. `infra.local.pin`
writes the pins.

Licences of what is fetched: Elasticsearch is under AGPL v3, SSPL v1 or Elastic License 2.0, as you
choose; DynamoDB Local is under the Amazon DynamoDB Local License Agreement (LICENSE.txt in its jar:
for use with an AWS account, not to be passed on); their libraries are under Apache-2.0 or
similar terms. Nothing of them is in this repository or in its wheel.
"""

import hashlib
import shutil
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.local.failures import ArtifactError

DYNAMODB_VERSION = "2.6.1"
ELASTICSEARCH_VERSION = "9.5.3"

PINS_FOLDER = Path(__file__).parent / "pins"
FETCHES_IN_FLIGHT_MAX = 8
FETCH_ATTEMPTS_MAX = 3
FETCH_TIMEOUT_S = 60
FETCH_PAUSE_S = 0.5
PROGRESS_STEP_PERCENT = 10
HASH_CHUNK_BYTES = 1 << 20

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Pin:
    """One jar: its Maven coordinates and what its bytes must be."""

    group: str
    name: str
    version: str
    size_bytes: int
    sha256: str

    @property
    def coordinates(self) -> str:
        """group:name:version, as people write it."""
        return f"{self.group}:{self.name}:{self.version}"

    @property
    def path(self) -> Path:
        """Where the jar lies in a Maven repository, relative to its root."""
        folder = Path(*self.group.split("."), self.name, self.version)
        return folder / f"{self.name}-{self.version}.jar"

    def line(self) -> str:
        """The line that `parse_pin` reads."""
        return f"{self.sha256} {self.size_bytes} {self.coordinates}"


def parse_pin(line: str) -> Pin:
    """Read `sha256 bytes group:name:version`; ArtifactError names a line that isn't so."""
    fields = line.split()
    coordinates = fields[2].split(":") if len(fields) == 3 else []
    if len(coordinates) != 3 or len(fields[0]) != 64 or not fields[1].isdigit():
        raise ArtifactError(f"not a pin (sha256 bytes group:name:version): {line!r}")
    group, name, version = coordinates
    return Pin(group, name, version, int(fields[1]), fields[0])


def parse_pins(text: str) -> tuple[Pin, ...]:
    """Read a file of pins: one a line, `#` starts a comment."""
    lines = (line.split("#", 1)[0].strip() for line in text.splitlines())
    return tuple(parse_pin(line) for line in lines if line)


def read_pins(engine: str) -> tuple[Pin, ...]:
    """The pinned jars of `dynamodb`, `elasticsearch` or `transport-netty4`, in class path order."""
    return parse_pins((PINS_FOLDER / f"{engine}.txt").read_text(encoding="utf-8"))


def digest_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def difference(pin: Pin, path: Path) -> str | None:
    """What is wrong with the file for this pin, or None when it is the pinned one."""
    if not path.is_file():
        return f"{pin.coordinates}: missing"
    size_bytes = path.stat().st_size
    if size_bytes != pin.size_bytes:
        return f"{pin.coordinates}: {size_bytes} bytes instead of {pin.size_bytes}"
    digest = digest_of(path)
    if digest != pin.sha256:
        return f"{pin.coordinates}: sha256 {digest} instead of {pin.sha256}"
    return None


class ArtifactCache:
    """Pinned jars under one folder, fetched when they are missing or spoilt.

    Several processes may share the folder: a jar is fetched beside it and renamed into place only
    when its checksum is right, so a name in the cache is always a whole file.
    """

    def __init__(
        self,
        folder: Path,
        *,
        repository_url: str | None = None,
        progress: Progress = print,
    ) -> None:
        """Keep jars under `folder`; `repository_url` replaces the public Maven repository."""
        self._repository = folder / "maven"
        self._incoming = folder / "incoming" / uuid.uuid4().hex
        self._repository_url = repository_url
        self._progress = progress

    def jars(self, pins: Iterable[Pin]) -> list[Path]:
        """Paths of the pinned jars, all of them present and checked. Fetches what is not."""
        wanted = tuple(pins)
        missing = [pin for pin in wanted if difference(pin, self._repository / pin.path)]
        if missing:
            self._fetch_all(missing)
        return [self._repository / pin.path for pin in wanted]

    def _fetch_all(self, pins: list[Pin]) -> None:
        total_bytes = sum(pin.size_bytes for pin in pins)
        self._progress(f"fetching {len(pins)} jars, {total_bytes / 1e6:.0f} MB")
        done_bytes = told_percent = 0
        try:
            with ThreadPoolExecutor(FETCHES_IN_FLIGHT_MAX) as pool:
                for done_count, pin in enumerate(pool.map(self._fetch, pins), 1):
                    done_bytes += pin.size_bytes
                    percent = done_bytes * 100 // total_bytes
                    if percent >= told_percent + PROGRESS_STEP_PERCENT:
                        told_percent = percent
                        self._progress(f"  {percent:3d} %  {done_count} of {len(pins)} jars")
        finally:
            shutil.rmtree(self._incoming, ignore_errors=True)

    def _fetch(self, pin: Pin) -> Pin:
        for attempt in range(1, FETCH_ATTEMPTS_MAX + 1):
            folder = self._incoming / f"{pin.sha256[:16]}-{attempt}"
            try:
                path = self._download(pin, folder)
            except Exception as error:  # jgo raises whatever its HTTP client does
                if attempt == FETCH_ATTEMPTS_MAX:
                    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
                    raise ArtifactError(
                        f"can't fetch {pin.coordinates} (is this machine online?): {reason}"
                    ) from error
                time.sleep(FETCH_PAUSE_S * attempt)
                continue
            wrong = difference(pin, path)
            if wrong is None:
                target = self._repository / pin.path
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
                return pin
            if attempt == FETCH_ATTEMPTS_MAX:
                raise ArtifactError(f"what was fetched is not what is pinned: {wrong}")
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _download(self, pin: Pin, folder: Path) -> Path:
        # Imported here: a warm start fetches nothing and need not pay for an HTTP client.
        from jgo.maven import MavenContext

        remote = {"mirror": self._repository_url} if self._repository_url else None
        context = MavenContext(repo_cache=folder, remote_repos=remote, timeout=FETCH_TIMEOUT_S)
        component = context.project(pin.group, pin.name).at_version(pin.version)
        return Path(component.artifact().resolve())
