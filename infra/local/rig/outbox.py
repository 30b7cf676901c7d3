"""Writes the e-mails that were sent through SES into files to open."""

import html
from pathlib import Path


def write(mails: list[dict], folder: Path) -> list[tuple[str, Path]]:
    """Writes one HTML file a mail (or text, when it has no HTML) and returns the subjects with the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, mail in enumerate(mails, 1):
        body = mail.get("BodyHtml") or f"<pre>{html.escape(mail.get('BodyText') or '')}</pre>"
        path = folder / f"{number}.html"
        path.write_text(body, encoding="utf-8")
        (folder / f"{number}.txt").write_text(mail.get("BodyText") or "", encoding="utf-8")
        written.append((f"{mail.get('Subject', '')}  (to {', '.join(mail.get('To', []))})", path))
    return written
