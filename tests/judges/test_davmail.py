"""DavMail, a gateway from EWS to IMAP, shows what was stored: imaplib reads it back through the gateway."""

import base64
import collections
import hashlib
import imaplib
import xml.sax.saxutils
from datetime import datetime, timezone

import davmail
import pytest
import requests
from conftest import ANNA, BEN, MOVER, PASSWORD
from lxml import etree

pytestmark = pytest.mark.skipif(not davmail.command(), reason=davmail.NOTICE)

ENVELOPE = """<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:m="http://schemas.microsoft.com/exchange/services/2006/messages"
 xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types"><soap:Header>
<t:RequestServerVersion Version="Exchange2010_SP2"/></soap:Header><soap:Body>{}</soap:Body></soap:Envelope>"""
HEAD = b"From: ben@example.org\r\nTo: anna@example.org\r\nMessage-ID: <%d@example.org>\r\nDate: Thu, 01 Jan 1998 10:00:00 +0100\r\n"
# Paths below the message root.
FOLDERS = ["Projekte", "Projekte/Grün & Blau", "Projekte/Grün & Blau/日本語 😀", "Pa.rt", "100% \"so\"", "Inbox/unten"]
BODIES = {
    "plain": b"Subject: plain\r\n\r\nHello\r\n",
    "8 bit": b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\xc3\xa9 \xff\r\n",
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n.x\r\n",
    "bare LF": b"Subject: bare LF\n\nline\nline\n",
    "no last line end": b"Subject: open\r\n\r\nno end",
    "8-bit header": b"Subject: gr\xfcn\r\n\r\nx\r\n",
    "only a header": b"Subject: alone\r\n",
    "long line": b"Subject: long\r\n\r\n" + b"x" * 5000 + b"\r\n",
    "large": b"Subject: large\r\n\r\n" + b"0123456789\r\n" * 200_000,
}
BARE = [b"", b"\r\n", b"\n\nno header at all", b"Subject: no Message-ID\r\n\r\na\x00b\r\n"]
DATES = ["1969-12-31T23:59:59Z", "1998-01-01T09:00:05Z", "2021-03-28T01:30:01Z", "2024-02-29T23:59:59Z", "2024-10-27T00:59:59Z"]


class Filler:
    """Stores folders and messages by EWS and remembers what must be seen."""

    def __init__(self, url, user):
        self.url, self.user = url, user
        self.seen = davmail.Side({"INBOX", "@sent", "@drafts", "@trash", "@junk"}, collections.Counter())
        self.ids = {"": '<t:DistinguishedFolderId Id="msgfolderroot"/>'}
        self.ids |= {name: f'<t:DistinguishedFolderId Id="{role}"/>' for name, role in (
            ("Inbox", "inbox"), ("@sent", "sentitems"), ("@drafts", "drafts"), ("@junk", "junkemail"))}

    def call(self, operation):
        """Sends one operation; every item must succeed."""
        answer = requests.post(
            self.url, ENVELOPE.format(operation).encode(), auth=(self.user, PASSWORD), timeout=60,
            headers={"Content-Type": "text/xml; charset=utf-8"})
        root = etree.fromstring(answer.content)
        assert answer.status_code == 200 and not root.xpath("//*[@ResponseClass!='Success']"), answer.text[:2000]
        return root

    def folder(self, path):
        """Makes a folder in one that is there."""
        parent, _, name = path.rpartition("/")
        root = self.call(
            f"<m:CreateFolder><m:ParentFolderId>{self.ids[parent]}</m:ParentFolderId><m:Folders><t:Folder>"
            f"<t:FolderClass>IPF.Note</t:FolderClass><t:DisplayName>{xml.sax.saxutils.escape(name)}</t:DisplayName>"
            "</t:Folder></m:Folders></m:CreateFolder>")
        self.ids[path] = f"<t:FolderId Id=\"{root.xpath('//*[local-name()=$n]/@Id', n='FolderId')[0]}\"/>"
        self.seen.folders.add(imap_name(path))

    def message(self, path, mime, date, read=False, flagged=False, answered=False, forwarded=False, draft=False, categories=()):
        """Stores a message as Mailcrane does."""
        verb = (102, 261) if answered else (104, 262) if forwarded else None
        properties = [("0x0E07", "Integer", int(read) | (8 if draft else 0)), ("0x0E06", "SystemTime", date)]
        properties += [("0x1090", "Integer", 2)] * flagged
        properties += [("0x1081", "Integer", verb[0]), ("0x1080", "Integer", verb[1])] if verb else []
        words = "".join(f"<t:String>{word}</t:String>" for word in categories)
        self.call(
            f'<m:CreateItem MessageDisposition="SaveOnly"><m:SavedItemFolderId>{self.ids[path]}</m:SavedItemFolderId><m:Items>'
            f"<t:Message><t:MimeContent>{base64.b64encode(mime).decode()}</t:MimeContent>"
            + (f"<t:Categories>{words}</t:Categories>" if words else "")
            + "".join(f'<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag="{tag}" PropertyType="{kind}"/><t:Value>{value}'
                      "</t:Value></t:ExtendedProperty>" for tag, kind, value in properties)
            + f"<t:IsRead>{str(read).lower()}</t:IsRead></t:Message></m:Items></m:CreateItem>")
        self.seen.letters[davmail.Letter(
            imap_name(path), hashlib.sha256(mime).hexdigest(), datetime.strptime(date, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc),
            read, flagged, answered, forwarded, frozenset(categories))] += 1


def imap_name(path):
    """The name that a folder has through DavMail."""
    return "INBOX" + path[5:] if path == "Inbox" or path.startswith("Inbox/") else path


@pytest.fixture(scope="module")
def port(stand_in, tmp_path_factory):
    with davmail.gateway(stand_in.ews, tmp_path_factory.mktemp("davmail")) as port:
        yield port


@pytest.fixture(scope="module")
def filled(stand_in):
    """Anna's mailbox: every kind of body, flag and date, in nested and non-ASCII folders."""
    filler = Filler(stand_in.ews, ANNA)
    for path in FOLDERS:
        filler.folder(path)
    places = ["Inbox", "@sent", *FOLDERS]
    for number, body in enumerate(BODIES.values()):
        filler.message(places[number % len(places)], HEAD % number + body, DATES[number % len(DATES)])
    for number, mime in enumerate(BARE):
        filler.message("Pa.rt", mime, DATES[number])
    flags = [{}, {"read": True}, {"flagged": True}, {"answered": True}, {"forwarded": True}, {"read": True, "flagged": True, "answered": True},
             {"categories": ["Kunde"]}, {"categories": ["Work", "kunde"], "read": True}]
    for number, chosen in enumerate(flags, start=100):
        filler.message("Projekte/Grün & Blau/日本語 😀", HEAD % number + BODIES["plain"], DATES[number % len(DATES)], **chosen)
    for _ in range(2):
        filler.message("@junk", HEAD % 7 + b"\r\ntwice\r\n", DATES[1])
    filler.message("@drafts", HEAD % 8 + b"\r\ndraft\r\n", DATES[1], draft=True, read=True)
    filler.message("@drafts", HEAD % 9 + b"\r\nnone\r\n", DATES[1], read=True)
    return filler.seen


def test_folders_messages_flags_and_dates_are_the_same(filled, port):
    seen = davmail.read(port, ANNA, PASSWORD)
    assert davmail.differences(filled, seen) == []
    assert seen.letters.total() == len(BODIES) + len(BARE) + 12


def test_reading_through_the_gateway_marks_nothing_as_read(stand_in, filled, port):
    before = stand_in.control("GET", f"mailboxes/{ANNA}/items")
    davmail.read(port, ANNA, PASSWORD)
    assert stand_in.control("GET", f"mailboxes/{ANNA}/items") == before


def test_every_kind_of_difference_is_named(filled, port):
    seen = davmail.read(port, ANNA, PASSWORD)
    one = next(letter for letter in seen.letters if letter.folder == "INBOX")
    wrong = {"folder": "@sent", "body": "0" * 64, "received": one.received.replace(second=30), "read": True, "flagged": True,
             "answered": True, "forwarded": True, "categories": frozenset({"x"})}
    for field, value in wrong.items():
        letters = seen.letters - collections.Counter([one]) + collections.Counter([one._replace(**{field: value})])
        assert len(davmail.differences(filled, davmail.Side(seen.folders, letters))) == 2, field
    assert davmail.differences(filled, davmail.Side(seen.folders, seen.letters + collections.Counter([one])))
    assert davmail.differences(filled, davmail.Side(seen.folders - {"Pa.rt"}, seen.letters)) == ["folder missing: Pa.rt"]
    assert davmail.differences(filled, davmail.Side(seen.folders | {"Mehr"}, seen.letters)) == ["folder too many: Mehr"]


def test_a_server_that_rebuilds_messages_is_noticed(stand_in, filled, port):
    stand_in.control("PUT", f"knobs/{ANNA}", {"rewrite_mime": True})
    try:
        assert any(line.startswith("missing") for line in davmail.differences(filled, davmail.read(port, ANNA, PASSWORD)))
    finally:
        stand_in.control("DELETE", "knobs")


def test_only_drafts_are_drafts(filled, port):
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(ANNA, PASSWORD)
        assert [("\\Draft" in flags, flags) for flags, _, _ in davmail.messages(imap, "Drafts")] == [
            (True, {"\\Seen", "\\Draft"}), (False, {"\\Seen"})]


def test_a_folder_of_many_pages_is_whole(stand_in, port):
    stand_in.control("POST", f"mailboxes/{BEN}/fill", {"folder": "Inbox", "count": 1201, "bytes": 300})
    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(BEN, PASSWORD)
        assert int(imap.select("INBOX", readonly=True)[1][0]) == 1201
        uids = imap.uid("search", "ALL")[1][0].split()
    assert len(uids) == len(set(uids)) == 1201


def test_what_a_mail_client_does_through_the_gateway_lands_in_the_mailbox(stand_in, port):
    def items(folder):
        return stand_in.control("GET", f"mailboxes/{MOVER}/items?folder={folder}")

    with imaplib.IMAP4("127.0.0.1", port) as imap:
        imap.login(MOVER, PASSWORD)
        for name in ("Ablage", "Ablage/Unten"):
            assert imap.create(name)[0] == "OK"
        mime = HEAD % 1 + BODIES["plain"]
        imap.append("Ablage", r"(\Seen \Flagged)", '"05-Jan-2020 10:00:01 +0100"', mime)
        imap.append("Ablage", r"(\Draft)", '"05-Jan-2021 10:00:01 +0100"', HEAD % 2 + BODIES["dots"])
        first, second = items("Ablage")
        assert (first["received"], first["read"], first["draft"], first["sha256"]) == (
            "2020-01-05T09:00:01Z", True, False, hashlib.sha256(mime).hexdigest())
        assert (first["properties"]["0x1090"], second["read"], second["draft"]) == ("2", False, True)
        imap.select("Ablage")
        one, two = imap.uid("search", "ALL")[1][0].split()
        assert imap.uid("search", "HEADER", "Message-ID", "<2@example.org>")[1] == [two]
        for action, words in (("-FLAGS", r"(\Seen)"), ("+FLAGS", r"(\Answered)"), ("+FLAGS", "(Kunde)")):
            assert imap.uid("store", one, action, words)[0] == "OK"
        first, _ = items("Ablage")
        assert (first["read"], first["properties"]["0x1081"], first["categories"]) == (False, "102", ["Kunde"])
        assert imap.uid("move", one, "Ablage/Unten")[0] == "OK"
        imap.uid("store", two, "+FLAGS", r"(\Deleted)")
        imap.expunge()
        assert items("Ablage") == [] and [item["subject"] for item in items("Ablage/Unten")] == ["plain"]
        assert imap.rename("Ablage/Unten", "Oben")[0] == imap.delete("Ablage")[0] == "OK"
    paths = {folder["path"] for folder in stand_in.control("GET", f"mailboxes/{MOVER}")}
    assert "Oben" in paths and "Ablage/Unten" not in paths and "Ablage" not in paths


def test_a_wrong_password_opens_nothing(stand_in, port):
    with imaplib.IMAP4("127.0.0.1", port) as imap, pytest.raises(imaplib.IMAP4.error, match="LOGIN failed"):
        imap.login(ANNA, "wrong")
