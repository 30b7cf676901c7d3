"""The local stack: the deployed functions, a WorkMail stand-in and an IMAP server, all on loopback."""
