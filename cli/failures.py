"""Why a command ends without success.

CommandFailure
└── ApiRefusal    a mutation's error member: typename, code, message, retryable
"""


class CommandFailure(Exception):
    """Told on stderr; the command's exit code is 1."""

    def lines(self) -> list[str]:
        """What stderr is told."""
        return [f"error: {self}"]


class ApiRefusal(CommandFailure):
    """A mutation answered an error instead of its result."""

    def __init__(self, typename: str, code: str, message: str, retryable: bool) -> None:
        super().__init__(message)
        self.typename = typename
        self.code = code
        self.retryable = retryable

    def lines(self) -> list[str]:
        """A line for each member of the error."""
        return [
            f"typename: {self.typename}",
            f"message: {self}",
            f"code: {self.code}",
            f"retryable: {str(self.retryable).lower()}",
        ]
