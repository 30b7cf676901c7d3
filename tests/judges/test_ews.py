"""exchangelib reads and writes mailboxes in the three ways in."""

import datetime

import pytest
from conftest import ANNA, BEN, MOVER
from exchangelib import (
    IMPERSONATION,
    OAUTH2,
    Account,
    Configuration,
    EWSDateTime,
    EWSTimeZone,
    ExtendedProperty,
    Folder,
    Message,
    OAuth2AuthorizationCodeCredentials,
)
from exchangelib.errors import ErrorAccessDenied, ErrorFolderExists, ErrorImpersonateUserDenied, UnauthorizedError
from exchangelib.version import EXCHANGE_2010_SP2, Version
from oauthlib.oauth2 import OAuth2Token


class Key(ExtendedProperty):
    distinguished_property_set_id = "PublicStrings"
    property_name = "X-Mailcrane-Key"
    property_type = "String"


class MessageFlags(ExtendedProperty):
    property_tag = 0x0E07
    property_type = "Integer"


class Delivered(ExtendedProperty):
    property_tag = 0x0E06
    property_type = "SystemTime"


class Flagged(ExtendedProperty):
    property_tag = 0x1090
    property_type = "Integer"


for name, kind in (("our_key", Key), ("message_flags", MessageFlags), ("delivered", Delivered), ("flagged", Flagged)):
    Message.register(name, kind)

UTC = EWSTimeZone("UTC")
OLD = EWSDateTime(1998, 1, 1, 9, 0, 5, tzinfo=UTC)


def mime(number):
    return (
        f"From: Ben <ben@example.org>\r\nTo: anna@example.org\r\nSubject: =?utf-8?q?gr=C3=BCn_{number}?=\r\n"
        f"Message-ID: <{number}@example.org>\r\nDate: Thu, 01 Jan 1998 10:00:00 +0100\r\n"
        f"Content-Type: text/plain; charset=utf-8\r\n\r\nHello {number}\r\n"
    ).encode()


def store(account, folder, count, first=0):
    """Stores messages as Mailcrane does, in one CreateItem."""
    messages = [
        Message(
            folder=folder,
            mime_content=mime(first + number),
            categories=["work"],
            importance="High",
            our_key=f"0123456789abcdef:{first + number:010}",
            message_flags=1,
            delivered=OLD,
            flagged=2,
            is_read=True,
        )
        for number in range(count)
    ]
    return account.bulk_create(folder=folder, items=messages)


def subfolder(account, name):
    folder = Folder(parent=account.inbox, name=name)
    folder.save()
    return folder


@pytest.fixture(scope="module")
def anna(stand_in):
    return stand_in.account(ANNA)


def test_the_system_folders_are_there(anna):
    found = {anna.inbox.name, anna.sent.name, anna.drafts.name, anna.trash.name, anna.junk.name}
    assert found == {"Inbox", "Sent Items", "Drafts", "Deleted Items", "Junk E-mail"}
    assert "Top of Information Store" in anna.root.tree()


def test_folders_are_created_nested_listed_renamed_and_deleted(anna):
    projects = subfolder(anna, "Projekte & Ähnliches")
    Folder(parent=projects, name="日本語").save()
    with pytest.raises(ErrorFolderExists):
        subfolder(anna, "projekte & ähnliches")
    anna.root.clear_cache()
    assert {f.name for f in anna.inbox.walk()} == {"Projekte & Ähnliches", "日本語"}
    projects.name = "Neu"
    projects.save(update_fields=["name"])
    anna.root.clear_cache()
    assert {f.name for f in anna.inbox.walk()} == {"Neu", "日本語"}
    projects.delete()
    anna.root.clear_cache()
    assert list(anna.inbox.walk()) == []


def test_what_was_stored_is_read_back(anna):
    folder = subfolder(anna, "read back")
    assert all(result.id for result in store(anna, folder, 3))
    found = folder.all().order_by("subject")
    assert [m.subject for m in found] == ["grün 0", "grün 1", "grün 2"]
    first = found[0]
    assert first.mime_content == mime(0)
    assert (first.datetime_received, first.is_read, first.is_draft) == (OLD, True, False)
    assert first.datetime_sent == datetime.datetime(1998, 1, 1, 9, 0, tzinfo=datetime.timezone.utc)
    assert (first.categories, first.importance, first.flagged, first.message_flags) == (["work"], "High", 2, 1)
    assert first.message_id == "<0@example.org>" and first.sender.email_address == "ben@example.org"
    assert first.text_body is None and "Hello 0" in first.body
    assert {h.name for h in first.headers} >= {"From", "To", "Subject", "Message-ID"}


def test_a_message_without_flags_is_a_draft(anna):
    folder = subfolder(anna, "drafts of ours")
    Message(folder=folder, mime_content=mime(1)).save()
    Message(folder=folder, subject="no content", body="hello", to_recipients=["ben@example.org"]).save()
    assert [m.is_draft for m in folder.all()] == [True, True]


def test_items_are_filtered_by_key_message_id_date_and_state(anna):
    folder = subfolder(anna, "filtered")
    store(anna, folder, 12)
    assert [m.subject for m in folder.filter(our_key="0123456789abcdef:0000000007")] == ["grün 7"]
    assert folder.filter(our_key__startswith="0123456789abcdef:").count() == 12
    assert folder.filter(our_key__startswith="0123456789abcdef:000000001").count() == 2
    assert folder.filter(our_key__exists=False).count() == 0
    assert folder.filter(message_id="<3@example.org>").count() == 1
    assert folder.filter(datetime_received__gt=OLD).count() == 0
    assert folder.filter(datetime_received__gte=OLD, is_read=True).count() == 12
    assert folder.filter(subject__contains="ün 1").count() == 3
    assert folder.exclude(our_key="0123456789abcdef:0000000007").count() == 11


def test_a_listing_in_pages_gives_every_item_once(anna):
    folder = subfolder(anna, "paged")
    store(anna, folder, 60)
    listed = folder.all().only("message_id", "size", "our_key")
    listed.page_size = 7
    keys = [m.our_key for m in listed]
    assert len(keys) == 60 and len(set(keys)) == 60
    anna.root.clear_cache()
    again = anna.inbox / "paged"
    assert again.total_count == 60 and again.unread_count == 0


def test_items_are_moved_updated_and_deleted(anna):
    folder, other = subfolder(anna, "from"), subfolder(anna, "to")
    store(anna, folder, 3)
    one = folder.filter(our_key__startswith="0").order_by("subject")[0]
    before = one.id
    one.move(other)
    assert one.id != before and other.all().count() == 1
    one.is_read = False
    one.categories = ["work", "later"]
    one.save(update_fields=["is_read", "categories"])
    again = other.all()[0]
    assert (again.is_read, again.categories) == (False, ["work", "later"])
    folder.all().order_by("subject")[0].soft_delete()
    folder.all()[0].move_to_trash()
    again.delete()
    assert (folder.all().count(), other.all().count(), anna.trash.all().count()) == (0, 0, 1)


def test_a_wrong_password_is_refused(stand_in):
    with pytest.raises(UnauthorizedError):
        stand_in.account(ANNA, password="wrong").inbox.refresh()


def test_a_delegate_needs_a_grant(stand_in):
    with pytest.raises(ErrorAccessDenied):
        stand_in.account(MOVER, BEN).inbox.refresh()
    stand_in.call("put_mailbox_permissions", EntityId=BEN, GranteeId=MOVER, PermissionValues=["FULL_ACCESS"])
    account = stand_in.account(MOVER, BEN)
    assert all(result.id for result in store(account, account.inbox, 2))
    assert [m.mime_content for m in account.inbox.all().order_by("subject")] == [mime(0), mime(1)]
    assert stand_in.account(BEN).inbox.all().count() == 2
    assert stand_in.account(MOVER).inbox.all().count() == 0
    stand_in.call("delete_mailbox_permissions", EntityId=BEN, GranteeId=MOVER)
    with pytest.raises(ErrorAccessDenied):
        stand_in.account(MOVER, BEN).inbox.refresh()


def impersonating(stand_in, role, mailbox):
    """Opens a mailbox with a token instead of a password."""
    assumed = stand_in.call("assume_impersonation_role", ImpersonationRoleId=role)
    token = OAuth2Token({"access_token": assumed["Token"], "token_type": "Bearer", "expires_in": assumed["ExpiresIn"]})
    configuration = Configuration(
        service_endpoint=stand_in.ews,
        credentials=OAuth2AuthorizationCodeCredentials(access_token=token),
        auth_type=OAUTH2,
        version=Version(build=EXCHANGE_2010_SP2),
    )
    return Account(
        mailbox,
        config=configuration,
        autodiscover=False,
        access_type=IMPERSONATION,
        default_timezone=UTC,
    )


def test_a_role_opens_its_mailboxes_without_a_password(stand_in):
    anna = stand_in.call("describe_user", UserId=ANNA)["UserId"]
    rules = [{"ImpersonationRuleId": "anna", "Name": "anna", "Effect": "ALLOW", "TargetUsers": [anna]}]
    role = stand_in.call("create_impersonation_role", Name="mailcrane", Type="FULL_ACCESS", Rules=rules)
    role = role["ImpersonationRoleId"]
    account = impersonating(stand_in, role, ANNA)
    before = account.sent.all().count()
    assert all(result.id for result in store(account, account.sent, 2, first=500))
    found = account.sent.filter(our_key__startswith="0123456789abcdef:00000005")
    assert {m.mime_content for m in found} == {mime(500), mime(501)}
    assert account.sent.all().count() == before + 2
    assert stand_in.control("GET", "log")[-1]["way"] == "impersonation"
    with pytest.raises(ErrorImpersonateUserDenied):
        impersonating(stand_in, role, BEN).inbox.refresh()
    stand_in.call("delete_impersonation_role", ImpersonationRoleId=role)
