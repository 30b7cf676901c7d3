"""Free ports of the loopback interface."""

import socket

from .problem import Problem


def free(count: int) -> list[int]:
    """Picks `count` different ports that are free now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def wanted(port: int, how_to_change: str) -> int:
    """Returns `port` when it is free, and says how to choose another when it is not."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Problem(f"port {port} is in use", f"stop what uses it (`make stop` ends an earlier stack) or choose another: {how_to_change}") from error
    return port


def answers(port: int) -> bool:
    """Tells whether something listens on `port`."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
