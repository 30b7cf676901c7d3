"""What the page reads by itself. The page in a real browser: `node --test` in tests/browser, and tests/browser/run.py."""

from browser.run import node


def passes(done):
    """Every test of the files passed, and there was one."""
    assert done.returncode == 0, done.stdout
    assert "ℹ pass 0" not in done.stdout, done.stdout


def test_tables_of_accounts_are_read_as_described():
    passes(node("csv.test.js"))


def test_texts_say_the_same_in_both_languages():
    passes(node("texts.test.js"))
