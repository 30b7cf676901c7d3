CREATE TABLE IF NOT EXISTS organization (
  id TEXT PRIMARY KEY, alias TEXT NOT NULL, domain TEXT NOT NULL, domains TEXT NOT NULL,
  migration_admin TEXT, directory_type TEXT NOT NULL, region TEXT NOT NULL, completed_ms INTEGER NOT NULL);

-- A user's mailbox is its own row: it outlives a deregistration.
CREATE TABLE IF NOT EXISTS user (
  no INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE,
  display_name TEXT NOT NULL, first_name TEXT, last_name TEXT, email TEXT, email_key TEXT, aliases TEXT NOT NULL DEFAULT '[]',
  password TEXT, state TEXT NOT NULL, role TEXT NOT NULL, hidden INTEGER NOT NULL DEFAULT 0, quota_mb INTEGER NOT NULL,
  enabled_ms INTEGER, disabled_ms INTEGER, provisioned_ms INTEGER, deprovisioned_ms INTEGER);
CREATE UNIQUE INDEX IF NOT EXISTS user_email ON user(email_key) WHERE email_key IS NOT NULL;

CREATE TABLE IF NOT EXISTS permission (
  mailbox INTEGER NOT NULL, grantee INTEGER NOT NULL, permissions TEXT NOT NULL, granted_ms INTEGER NOT NULL,
  works_from INTEGER NOT NULL, works_until INTEGER NOT NULL, PRIMARY KEY (mailbox, grantee));

CREATE TABLE IF NOT EXISTS role (
  id TEXT PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, description TEXT, rules TEXT NOT NULL,
  created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL, works_from INTEGER NOT NULL, works_until INTEGER NOT NULL,
  client_token TEXT);
CREATE TABLE IF NOT EXISTS token (token TEXT PRIMARY KEY, role TEXT NOT NULL, expires_ms INTEGER NOT NULL);

CREATE TABLE IF NOT EXISTS folder (
  id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox INTEGER NOT NULL, parent INTEGER, name TEXT NOT NULL, name_key TEXT NOT NULL,
  class TEXT NOT NULL, role TEXT, total INTEGER NOT NULL DEFAULT 0, unread INTEGER NOT NULL DEFAULT 0,
  change INTEGER NOT NULL DEFAULT 1, UNIQUE (mailbox, parent, name_key));

CREATE TABLE IF NOT EXISTS item (
  id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox INTEGER NOT NULL, folder INTEGER NOT NULL, moves INTEGER NOT NULL DEFAULT 0,
  change INTEGER NOT NULL DEFAULT 1, class TEXT NOT NULL, subject TEXT NOT NULL, message_id TEXT, received INTEGER NOT NULL,
  sent INTEGER NOT NULL, created_ms INTEGER NOT NULL, modified_ms INTEGER NOT NULL, size INTEGER NOT NULL,
  is_read INTEGER NOT NULL, is_draft INTEGER NOT NULL, importance TEXT NOT NULL, sensitivity TEXT NOT NULL,
  attachments INTEGER NOT NULL, categories TEXT NOT NULL, headers TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS item_folder ON item(folder, received, id);
CREATE INDEX IF NOT EXISTS item_message_id ON item(message_id, folder);

-- Apart, so that listing does not read past whole messages.
CREATE TABLE IF NOT EXISTS mime (item INTEGER PRIMARY KEY, content BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS property (item INTEGER NOT NULL, tag TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (item, tag)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS property_value ON property(tag, value);

CREATE TRIGGER IF NOT EXISTS item_in AFTER INSERT ON item BEGIN
  UPDATE folder SET total = total + 1, unread = unread + (1 - NEW.is_read) WHERE id = NEW.folder;
  UPDATE mailbox_size SET bytes = bytes + NEW.size WHERE mailbox = NEW.mailbox;
END;
CREATE TRIGGER IF NOT EXISTS item_out AFTER DELETE ON item BEGIN
  UPDATE folder SET total = total - 1, unread = unread - (1 - OLD.is_read) WHERE id = OLD.folder;
  UPDATE mailbox_size SET bytes = bytes - OLD.size WHERE mailbox = OLD.mailbox;
  DELETE FROM mime WHERE item = OLD.id;
  DELETE FROM property WHERE item = OLD.id;
END;
CREATE TRIGGER IF NOT EXISTS item_changed AFTER UPDATE OF folder, is_read ON item BEGIN
  UPDATE folder SET total = total - 1, unread = unread - (1 - OLD.is_read) WHERE id = OLD.folder;
  UPDATE folder SET total = total + 1, unread = unread + (1 - NEW.is_read) WHERE id = NEW.folder;
END;
CREATE TABLE IF NOT EXISTS mailbox_size (mailbox INTEGER PRIMARY KEY, bytes INTEGER NOT NULL);
