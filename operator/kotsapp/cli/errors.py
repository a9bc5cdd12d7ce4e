"""What a command says when it can't do what was asked."""

EXIT_OK = 0
EXIT_PROBLEM = 1
EXIT_USAGE = 2
# What a shell says of a command that Ctrl-C ended.
EXIT_INTERRUPTED = 130


class CommandError(Exception):
    """One clear line for standard error, and the exit code that goes with it."""

    def __init__(self, message: str, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code
