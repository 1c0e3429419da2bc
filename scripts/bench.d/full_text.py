"""SQLite's FTS5 as a peer for search: the words that logjar indexes, in columns weighted as it ranks them."""

import sqlite3
import time

# Without their schemes, and of the project's page without its host, as logjar indexes them.
COLUMNS = ("artifact", "groups", "title", "description", "licenses", "authors", "page")
WEIGHTS = (10, 5, 1, 1, 1, 1, 1)
PAGE = 24

COUNT = "SELECT count(*) FROM documents WHERE documents MATCH ?"
BEST = """
SELECT names.name
FROM names JOIN (SELECT rowid, rank FROM documents WHERE documents MATCH ? ORDER BY rank LIMIT ?) AS best
ON names.rowid = best.rowid ORDER BY best.rank
"""


class FullText:
    """An index of documents, kept in memory by SQLite's cache as ours is by the system's."""

    version = f"SQLite {sqlite3.sqlite_version}"

    def __init__(self, path):
        self.path, self.seconds = path, 0.0
        self.connection = sqlite3.connect(path, isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "mmap_size=4000000000"):
            self.connection.execute("PRAGMA " + setting)
        self.connection.execute("CREATE TABLE names (rowid INTEGER PRIMARY KEY, name TEXT NOT NULL)")
        self.connection.execute(
            f"CREATE VIRTUAL TABLE documents USING fts5({', '.join(COLUMNS)}, content='', prefix='2 3 4', "
            "tokenize='unicode61 remove_diacritics 0')"
        )
        weights = ", ".join(map(str, WEIGHTS))
        self.connection.execute(
            "INSERT INTO documents (documents, rank) VALUES ('rank', ?)", (f"bm25({weights})",)
        )

    def fill(self, documents):
        """Takes all documents. The time is SQLite's, not that of whoever makes them."""
        self.connection.execute("BEGIN")
        for rowid, document in enumerate(documents, 1):
            row = row_of(document)
            before = time.perf_counter()
            self.connection.execute(
                "INSERT INTO names VALUES (?, ?)", (rowid, f"{document['group']}:{document['artifact']}")
            )
            self.connection.execute(
                f"INSERT INTO documents (rowid, {', '.join(COLUMNS)}) VALUES (?{', ?' * len(COLUMNS)})", (rowid, *row)
            )
            self.seconds += time.perf_counter() - before
        before = time.perf_counter()
        self.connection.execute("COMMIT")
        self.connection.execute("INSERT INTO documents (documents) VALUES ('optimize')")
        self.seconds += time.perf_counter() - before

    def ask(self, match):
        """How many there are, and the milliseconds that it took to count them and to get the best."""
        before = time.perf_counter()
        (total,) = self.connection.execute(COUNT, (match,)).fetchone()
        self.connection.execute(BEST, (match, PAGE)).fetchall()
        return total, (time.perf_counter() - before) * 1e3

    def bytes(self):
        return self.path.stat().st_size


def row_of(document):
    licenses = " ".join(map(without_scheme, document["licenses"]))
    _, _, page = without_scheme(document["url"] or "").partition("/")
    return (
        document["artifact"], whole(document["group"]), document["title"] or "", document["description"] or "",
        licenses, " ".join(document["authors"] or []), page,
    )


def whole(text):
    """A text between two words that no query has, so that a phrase with both finds what has these words and no more."""
    return f"wholebegin {text} wholeend"


def without_scheme(address):
    return address.partition("://")[2] if "://" in address else address
