"""Files that the commands read and write. What is written is there whole or not at all."""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO, cast

from cli.failures import CommandFailure
from cli.jsonc import JsoncProblem, fill_in_variables, parse_jsonc

_SCHEMA_REFERENCE = "$schema"  # says how an editor is to check the file; not a Schema's member


def read_schema_file(path: Path, variables: Mapping[str, str]) -> dict[str, Any]:
    """The Schema document of a file of JSON with comments. Raises CommandFailure."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailure(f"can't read {path}: {_reason(error)}") from error
    try:
        document, unset = fill_in_variables(parse_jsonc(text), variables)
    except JsoncProblem as problem:
        raise CommandFailure(f"{path}: {problem}") from problem
    if unset:
        named = ", ".join([f"${{{name}}}" for name in unset])
        raise CommandFailure(f"{path}: no variable is set for {named}")
    if not isinstance(document, dict):
        raise CommandFailure(f"{path}: a Schema is an object")
    document.pop(_SCHEMA_REFERENCE, None)
    return document


@contextlib.contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content becomes the file when the block ends; not when it raises.

    What is no plain file (a link, a device, a pipe) is written to directly and never replaced.
    Raises CommandFailure when it can't be written.
    """
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            with path.open("wb") as direct:
                yield direct
            return
        with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as draft:
            try:
                yield cast(BinaryIO, draft)
                draft.flush()
            except BaseException:
                os.unlink(draft.name)
                raise
        os.chmod(draft.name, _mode(path))
        os.replace(draft.name, path)
    except OSError as error:
        raise CommandFailure(f"can't write {path}: {_reason(error)}") from error


def _mode(path: Path) -> int:
    """The permissions of the file that is there, else those that a new one gets."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def write_text(path: Path, text: str) -> None:
    """Writes a file as UTF-8. Raises CommandFailure."""
    with written_whole(path) as stream:
        stream.write(text.encode())


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8"
    return error.strerror or str(error)
