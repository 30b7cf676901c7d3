"""Compares a source mailbox, read by imaplib, with its destination, read by exchangelib: message by message.

As a program: compare.py --imap HOST:PORT --user U --password P --ews URL --mailbox M --mailbox-password P
"""

import argparse
import base64
import collections
import email
import hashlib
import imaplib
import re
import sys
from dataclasses import dataclass
from datetime import datetime, timezone

from exchangelib import BASIC, DELEGATE, UTC, Account, Configuration, Credentials, ExtendedProperty, Message, Version
from exchangelib.version import EXCHANGE_2010_SP2

LARGEST_ATTACHMENT = 23_000_000
ROLES = {"\\Sent": "@sent", "\\Drafts": "@drafts", "\\Trash": "@trash", "\\Junk": "@junk"}
imaplib._MAXLINE = 50_000_000


class FlagStatus(ExtendedProperty):
    """PidTagFlagStatus: 2 is flagged."""

    property_tag = 0x1090
    property_type = "Integer"


class LastVerb(ExtendedProperty):
    """PidTagLastVerbExecuted: 102 is answered, 104 forwarded."""

    property_tag = 0x1081
    property_type = "Integer"


Message.register("mailcrane_flag", FlagStatus)
Message.register("mailcrane_verb", LastVerb)


@dataclass(frozen=True)
class Letter:
    """What must be equal on both sides; `body` is the SHA-256 of all bytes."""

    folder: str
    body: str
    received: datetime
    read: bool
    flagged: bool
    answered: bool
    forwarded: bool
    categories: frozenset


@dataclass
class Side:
    """A mailbox as one of the two programs sees it."""

    folders: set
    letters: collections.Counter


def source(host: str, port: int, user: str, password: str, tls: bool = False) -> Side:
    """Reads a mailbox by IMAP and takes out what is not to be copied: second identical copies, too large, deleted."""
    imap = (imaplib.IMAP4_SSL if tls else imaplib.IMAP4)(host, port)
    imap.login(user, password)
    folders, letters = set(), collections.Counter()
    for wire, name in _list(imap):
        folders.add(name)
        imap.select(wire, readonly=True)
        seen = set()
        for flags, received, body in _messages(imap):
            digest = hashlib.sha256(body).hexdigest()
            if digest in seen or "\\Deleted" in flags or too_large(body):
                continue
            seen.add(digest)
            answered = "\\Answered" in flags
            letters[Letter(
                name, digest, received, "\\Seen" in flags, "\\Flagged" in flags, answered,
                "$Forwarded" in flags and not answered,
                frozenset(f for f in flags if f[0] not in "\\$"))] += 1
    imap.logout()
    return Side(folders, letters)


def destination(ews: str, mailbox: str, password: str) -> Side:
    """Reads a mailbox by EWS."""
    configuration = Configuration(
        service_endpoint=ews, credentials=Credentials(mailbox, password), auth_type=BASIC, version=Version(build=EXCHANGE_2010_SP2))
    account = Account(mailbox, config=configuration, autodiscover=False, access_type=DELEGATE, default_timezone=UTC)
    roles = {account.inbox.id: "INBOX", account.sent.id: "@sent", account.drafts.id: "@drafts",
             account.trash.id: "@trash", account.junk.id: "@junk"}
    folders, letters = set(), collections.Counter()
    root = account.msg_folder_root
    for folder in root.walk():
        if folder.folder_class not in (None, "IPF.Note"):
            continue
        name = roles.get(folder.id) or _path(folder, root)
        folders.add(name)
        fields = ("mime_content", "datetime_received", "is_read", "categories", "mailcrane_flag", "mailcrane_verb")
        for item in folder.all().only(*fields):
            letters[Letter(
                name, hashlib.sha256(item.mime_content or b"").hexdigest(),
                datetime.fromtimestamp(item.datetime_received.timestamp(), timezone.utc), bool(item.is_read),
                item.mailcrane_flag == 2, item.mailcrane_verb == 102, item.mailcrane_verb == 104,
                frozenset(item.categories or ()))] += 1
    return Side(folders, letters)


def differences(of: Side, to: Side) -> list[str]:
    """Names each difference; an empty list says that the mailboxes are equal."""
    own = {"INBOX", "Outbox", *ROLES.values()}
    found = [f"folder missing: {name}" for name in sorted(of.folders - to.folders)]
    found += [f"folder too many: {name}" for name in sorted(to.folders - of.folders - own)]
    missing, surplus = of.letters - to.letters, to.letters - of.letters
    beside = collections.defaultdict(list)
    for letter in surplus:
        beside[letter.folder, letter.body].append(letter)
    for letter, count in missing.items():
        near = beside.pop((letter.folder, letter.body), [])
        found.append(f"differs: {letter} became {near}" if near else f"missing ({count}): {letter}")
    found += [f"too many ({surplus[letter]}): {letter}" for rest in beside.values() for letter in rest]
    return found


def too_large(body: bytes) -> bool:
    """Tells whether a message has an attachment that WorkMail does not take."""
    if len(body) < LARGEST_ATTACHMENT:
        return False
    return any(
        len(part.get_payload(decode=True) or b"") >= LARGEST_ATTACHMENT
        for part in email.message_from_bytes(body).walk() if not part.is_multipart())


def _list(imap):
    _, rows = imap.list()
    for row in rows:
        if isinstance(row, tuple):
            attributes, wire = row[0].decode(), b'"' + row[1].replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'
        else:
            attributes, wire = re.fullmatch(rb'(\([^)]*\)) (?:"[^"]*"|NIL) (.*)', row).groups()
            attributes = attributes.decode()
        if "\\Noselect" in attributes:
            continue
        name = re.sub(rb"\\(.)", rb"\1", wire[1:-1]) if wire.startswith(b'"') else wire
        role = next((ROLES[word] for word in re.findall(r"\\\w+", attributes) if word in ROLES), None)
        yield wire.decode(), role or _decoded(name.decode())


def _messages(imap):
    _, rows = imap.uid("search", "ALL")
    uids = (rows[0] or b"").split()
    for start in range(0, len(uids), 200):
        _, answer = imap.uid("fetch", b",".join(uids[start:start + 200]).decode(), "(UID FLAGS INTERNALDATE BODY.PEEK[])")
        head = b""
        for row in answer:
            if isinstance(row, tuple):
                head, body = row
            elif b"INTERNALDATE" in row:
                head, body = row, b""
            else:
                # The end of a literal, or flags that somebody else has just changed.
                continue
            flags = set(re.search(rb"FLAGS \(([^)]*)\)", head).group(1).decode().split())
            date = re.search(rb'INTERNALDATE "([^"]*)"', head).group(1).decode().strip()
            yield flags, datetime.strptime(date, "%d-%b-%Y %H:%M:%S %z").astimezone(timezone.utc), body


def _decoded(name: str) -> str:
    def shift(match):
        code = match.group(1).replace(",", "/")
        return base64.b64decode(code + "=" * (-len(code) % 4)).decode("utf-16-be") if code else "&"

    return re.sub(r"&([^-]*)-", shift, name)


def _path(folder, root) -> str:
    parts = []
    while folder is not None and folder.id != root.id:
        parts.append(folder.name)
        folder = folder.parent
    return "/".join(reversed(parts))


def main() -> int:
    """Compares the two mailboxes named on the command line."""
    arguments = argparse.ArgumentParser(description=__doc__)
    for name in ("imap", "user", "password", "ews", "mailbox", "mailbox-password"):
        arguments.add_argument(f"--{name}", required=True)
    given = arguments.parse_args()
    host, _, port = given.imap.rpartition(":")
    one = source(host, int(port), given.user, given.password)
    found = differences(one, destination(given.ews, given.mailbox, given.mailbox_password))
    print(*found or [f"equal: {sum(one.letters.values())} messages in {len(one.folders)} folders"], sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
