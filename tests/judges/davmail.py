"""Reads WorkMail mailboxes by IMAP through DavMail (Debian package `davmail`), a gateway from EWS to IMAP.

For journeys (`from judges import davmail`), when `davmail.command()` gives something:

    with davmail.gateway(standin.ews, folder) as port:
        found = davmail.differences(of, davmail.read(port, mailbox, password))

where `of` is anything with the fields of a Side, such as what journeys.compare.source gives; an empty list = equal.
"""

import base64
import collections
import contextlib
import hashlib
import imaplib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime, timezone

NOTICE = "DavMail is not installed (Debian: apt-get install davmail); what it would judge is skipped"
START_SECONDS = 60
ROLES = {"\\Sent": "@sent", "\\Drafts": "@drafts", "\\Trash": "@trash", "\\Junk": "@junk"}
# What every mailbox of WorkMail has; "Unsent Messages" is DavMail's name of the outbox.
OWN = {"INBOX", "Outbox", "Unsent Messages", *ROLES.values()}
# DavMail shows five categories as the labels of a mail client.
LABELS = {"$label1": "important", "$label2": "work", "$label3": "personal", "$label4": "to do", "$label5": "later"}
SETTINGS = """davmail.server=true
davmail.mode=EWS
davmail.url={url}
davmail.imapPort={port}
davmail.caldavPort=
davmail.ldapPort=
davmail.popPort=
davmail.smtpPort=
davmail.bindAddress=127.0.0.1
davmail.allowRemote=false
davmail.enableProxy=false
davmail.useSystemProxies=false
davmail.disableUpdateCheck=true
davmail.enableKeepAlive=false
davmail.logFilePath={log}
davmail.logFileSize=0
log4j.rootLogger=WARN
log4j.logger.davmail=WARN
"""
imaplib._MAXLINE = 50_000_000

Letter = collections.namedtuple("Letter", "folder body received read flagged answered forwarded categories")
Letter.__doc__ = """A message: SHA-256 of all its bytes as they came, line endings included, received date to the second, and flags.

Categories are compared without regard to case.
"""


@dataclass
class Side:
    """A mailbox: the names of its folders, and how many times it has each letter."""

    folders: set
    letters: collections.Counter


def command() -> str | None:
    """Gives the program, if it is installed."""
    return shutil.which("davmail-server") or shutil.which("davmail")


@contextlib.contextmanager
def gateway(url: str, folder: pathlib.Path):
    """Runs DavMail without a screen in front of an EWS address; gives its IMAP port on loopback."""
    program = command()
    if not program:
        raise FileNotFoundError(NOTICE)
    folder.mkdir(parents=True, exist_ok=True)
    port, log = _free_port(), folder / "davmail.log"
    settings = folder / "davmail.properties"
    settings.write_text(SETTINGS.format(url=url, port=port, log=log))
    environment = {**os.environ, "JAVA_TOOL_OPTIONS": "-Djava.awt.headless=true"}
    with open(folder / "davmail.out", "wb") as out:
        process = subprocess.Popen([program, settings], env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        _wait(process, port, folder)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def read(port: int, user: str, password: str) -> Side:
    """Reads a whole mailbox through the gateway, changing nothing."""
    folders, letters = set(), collections.Counter()
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(user, password)
        for wire, name in _list(imap):
            folders.add(name)
            for flags, received, body in messages(imap, wire):
                answered = "\\Answered" in flags
                words = [LABELS.get(flag, flag) for flag in flags if flag in LABELS or flag[0] not in "\\$"]
                letters[Letter(
                    name, hashlib.sha256(body).hexdigest(), received, "\\Seen" in flags, "\\Flagged" in flags, answered,
                    "$Forwarded" in flags and not answered, frozenset(words))] += 1
    return Side(folders, letters)


def differences(of, seen: Side) -> list[str]:
    """Names what the mailbox seen through DavMail lacks or has too much; empty = equal."""
    found = [f"folder missing: {name}" for name in sorted(of.folders - seen.folders)]
    found += [f"folder too many: {name}" for name in sorted(seen.folders - of.folders - OWN)]
    wanted, got = _normal(of.letters), _normal(seen.letters)
    found += [f"missing ({count}): {letter}" for letter, count in (wanted - got).items()]
    return found + [f"too many ({count}): {letter}" for letter, count in (got - wanted).items()]


def messages(imap: imaplib.IMAP4, wire: str):
    """Yields flags, received date and all bytes of every message in a folder, read-only."""
    status, answer = imap.select(wire, readonly=True)
    if status != "OK":
        raise AssertionError(f"{wire}: {answer}")
    expected, given = int(answer[0]), 0
    uids = (imap.uid("search", "ALL")[1][0] or b"").split()
    for start in range(0, len(uids), 50):
        part = b",".join(uids[start:start + 50]).decode()
        _, rows = imap.uid("fetch", part, "(UID FLAGS INTERNALDATE BODY.PEEK[])")
        for head, body in (row for row in rows if isinstance(row, tuple)):
            flags = set(re.search(rb"FLAGS \(([^)]*)\)", head).group(1).decode().split())
            date = re.search(rb'INTERNALDATE "([^"]*)"', head).group(1).decode().strip()
            yield flags, datetime.strptime(date, "%d-%b-%Y %H:%M:%S %z").astimezone(timezone.utc), body
            given += 1
    if given != expected:
        raise AssertionError(f"{wire} has {expected} messages, but {given} were given")


def _normal(letters) -> collections.Counter:
    found = collections.Counter()
    for letter, count in letters.items():
        one = Letter(*(getattr(letter, name) for name in Letter._fields))
        found[one._replace(categories=frozenset(word.casefold() for word in one.categories))] += count
    return found


def _list(imap):
    for row in imap.list()[1]:
        attributes, wire = re.fullmatch(rb'\(([^)]*)\) "/" (".*")', row).groups()
        role = next((ROLES[word] for word in attributes.decode().split() if word in ROLES), None)
        yield wire.decode(), role or _decoded(wire[1:-1].replace(b'\\"', b'"').decode())


def _decoded(name: str) -> str:
    """Reads modified UTF-7."""
    def shift(match):
        code = match.group(1).replace(",", "/")
        return base64.b64decode(code + "=" * (-len(code) % 4)).decode("utf-16-be") if code else "&"

    return re.sub(r"&([^-]*)-", shift, name)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def _wait(process: subprocess.Popen, port: int, folder: pathlib.Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, imaplib.IMAP4.error), imaplib.IMAP4("127.0.0.1", port, timeout=5):
            return
        time.sleep(0.2)
    said = "".join(path.read_text(errors="replace")[-2000:] for path in sorted(folder.glob("davmail.[lo]*")))
    raise AssertionError(f"DavMail did not start:\n{said}")
