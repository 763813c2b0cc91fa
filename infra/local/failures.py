"""What can go wrong while a local run starts or lives.

LaunchError
├── ArtifactError     a file of an engine can't be fetched or isn't the pinned one
├── ChildError        a child process died, or never became ready
└── PreconditionError the machine or the run's folder isn't fit: port, disk, memory, lock

The message is one line for a person: what happened, and what to do about it.
"""


class LaunchError(Exception):
    """A local run can't start or can't go on; the message is shown as it is."""


class ArtifactError(LaunchError):
    """A file of an engine can't be fetched, or its checksum isn't the pinned one."""


class ChildError(LaunchError):
    """A child process died, or didn't become ready in time; `exit_code` of one that ended."""

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class PreconditionError(LaunchError):
    """A port is taken, disk or memory is short, or the folder is in use."""
