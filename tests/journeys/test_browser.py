"""The page in a real browser; pictures of every step go to target/browser."""

from browser.run import node


def passes(done):
    """Every test of the files passed, and there was one."""
    assert done.returncode == 0, done.stdout
    assert "ℹ pass 0" not in done.stdout, done.stdout


def test_tables_of_accounts_are_read_as_described():
    passes(node("csv.test.js"))


def test_every_step_of_the_page_shows_what_the_api_says():
    passes(node("page.test.js"))
