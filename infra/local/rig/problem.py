"""What stops the local stack, and what the reader can do about it."""


class Problem(Exception):
    """Stops a command; carries the remedy beside the cause."""

    def __init__(self, cause: str, remedy: str):
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"Cannot go on: {self.cause}\nRemedy:       {self.remedy}"
