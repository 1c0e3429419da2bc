"""Queries drawn from documents, each as logjar's and as FTS5's, which mean the same. Always the same ones."""

import random
import re

import full_text

SAMPLE = 5000
# Words that nobody looks for.
SMALL_WORDS = frozenset("a and for from in of on that the to with your".split())


class Sample:
    """Some documents, evenly from all."""

    def __init__(self, size):
        self.every, self.seen, self.documents = max(1, size // SAMPLE), 0, []

    def note(self, document):
        if self.seen % self.every == 0:
            self.documents.append(document)
        self.seen += 1
        return document


def all_kinds(sample, count):
    """Pairs of queries by their kind."""
    kinds = {
        "one word": one_word,
        "two words, both": both_words,
        "two words, either": either_word,
        "the beginning of a word": beginning,
        "`description:` a word": in_description,
        "`group:` a group": in_group,
        "coordinates": coordinates,
    }
    drawn = {}
    for kind, draw in kinds.items():
        source, pairs = random.Random(kind), []
        while len(pairs) < count:
            pairs += filter(None, [draw(source, source.choice(sample.documents))])
        drawn[kind] = pairs
    return drawn


def words(text):
    return re.findall(r"[a-z0-9]+", (text or "").lower())


def telling_words(document):
    """Words that people might remember of it, each once."""
    found = words(document["artifact"]) + words(document["description"])
    return sorted({word for word in found if len(word) > 2 and word not in SMALL_WORDS and not word.isdigit()})


def one_word(source, document):
    word = source.choice(telling_words(document))
    return word, f'"{word}"'


def two(source, document):
    found = telling_words(document)
    return source.sample(found, 2) if len(found) >= 2 else None


def both_words(source, document):
    pair = two(source, document)
    return pair and (" AND ".join(pair), " AND ".join(f'"{word}"' for word in pair))


def either_word(source, document):
    pair = two(source, document)
    return pair and (" ".join(pair), " OR ".join(f'"{word}"' for word in pair))


def beginning(source, document):
    begun = source.choice(telling_words(document))[: source.choice((3, 4))]
    return begun + "*", f'"{begun}" *'


def in_description(source, document):
    found = [word for word in telling_words(document) if word in words(document["description"])]
    if not found:
        return None
    word = source.choice(found)
    return f"description:{word}", f'{{title description}} : "{word}"'


def whole_group(document):
    return f'groups : "{full_text.whole(" ".join(words(document["group"])))}"'


def in_group(source, document):
    return f"group:{document['group']}", whole_group(document)


def coordinates(source, document):
    """The artifact first, then what has words of its name, and the others of its group."""
    name = [word for word in words(document["artifact"]) if not word.isdigit()]
    alternatives = [f'"{word}"' for word in name] + [whole_group(document)]
    return f"{document['group']}:{document['artifact']}", " OR ".join(alternatives)
