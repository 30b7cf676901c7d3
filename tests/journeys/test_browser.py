"""The page in a real browser over the deployed stack, and what it reads by itself. Its looks against a mock: `make pages`."""

from browser.run import fill, node


def passes(done):
    """Every test of the files passed, and there was one."""
    assert done.returncode == 0, done.stdout
    assert "ℹ pass 0" not in done.stdout, done.stdout


def test_tables_of_accounts_are_read_as_described():
    passes(node("csv.test.js"))


def test_texts_say_the_same_in_both_languages():
    passes(node("texts.test.js"))


def test_whoever_has_a_spreadsheet_gets_to_finished(local):
    passes(node("stack.test.js", STACK=str(fill(local))))
