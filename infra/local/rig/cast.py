"""The mailboxes of the demo and of the journeys: a source in Dovecot, a destination in the stand-in."""

import sys
import time
from dataclasses import dataclass

from . import paths
from .imapd import MASTER_PASSWORD, MASTER_USER
from .stack import Stack

sys.path.append(str(paths.ROOT / "tests"))
from fixtures.mailbox import Mailbox, Writer  # noqa: E402


@dataclass
class Player:
    """One account: its two ends and what was written into the source."""

    name: str
    source: str
    source_password: str
    mailbox: str
    password: str
    contents: Mailbox
    sealed: str

    def account(self, master: bool = False) -> dict:
        """The account as the API wants it, with the mailbox's own password or the master user's."""
        if master:
            source = {"user": self.source, "admin_user": MASTER_USER, "admin_password": MASTER_PASSWORD}
        else:
            source = {"user": self.source, "password": self.source_password}
        return {"source": source, "destination": {"mailbox": self.mailbox}}

    def untouched(self) -> bool:
        """Tells whether every byte and file name of the source is what it was."""
        return self.contents.digest() == self.sealed


def add(stack: Stack, name: str, fill, seed: int = 1, **mailbox) -> Player:
    """Makes an account; `fill(writer)` writes the source's messages."""
    player = homeless(stack, name, fill, seed)
    stack.standin.add(player.mailbox, player.password, **mailbox)
    return player


def homeless(stack: Stack, name: str, fill, seed: int = 1) -> Player:
    """Makes an account whose mailbox is not there yet in WorkMail."""
    source, address = f"{name}@example.net", f"{name}@example.org"
    home = stack.imapd.add(source, f"Source-{name}-1")
    contents = fill(Writer(home, seed))
    stack.imapd.seal(source)
    return Player(name, source, f"Source-{name}-1", address, f"WorkMail-{name}-1", contents, contents.digest())


def demo(stack: Stack, prefix: str = "") -> list[Player]:
    """Makes the three accounts of the demo: the first with everything awkward, two ordinary ones."""
    name = f"{prefix}-{{}}".format if prefix else str
    return [
        add(stack, name("anna"), lambda writer: writer.mixed(900, oversize=True), seed=1),
        add(stack, name("ben"), lambda writer: writer.mixed(450, oddities=False), seed=2),
        add(stack, name("carla"), lambda writer: writer.mixed(300, oddities=False), seed=3),
    ]


def order(stack: Stack, accounts: list[dict], *, name: str = "Journey", access: str = "administrator", security: str = "tls") -> dict:
    """A new migration from the local IMAP server into the local WorkMail."""
    return {
        "name": name,
        "notify": ["admin@example.org"],
        "source": {"host": "127.0.0.1", "port": stack.imapd.tls if security == "tls" else stack.imapd.plain, "security": security},
        "destination": {"kind": "workmail", "access": access},
        "accounts": accounts,
    }


def settled(look, seconds: float = 20):
    """Looks again and again until there is nothing to see; returns what is left after `seconds`."""
    deadline = time.monotonic() + seconds
    while (left := look()) and time.monotonic() < deadline:
        time.sleep(0.2)
    return left


def granted(stack: Stack, mailbox: str) -> list[dict]:
    """Lists the permissions that others have on a mailbox now."""
    return [grant for grant in stack.standin.call("GET", "permissions") if grant["mailbox"] == mailbox]
