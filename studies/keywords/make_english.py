"""Make `english.txt` and `english_nouns.txt` in `schemas/words`: words that name nothing seen.

From WordNet 3.0's files (Debian's package `wordnet-base`, or Princeton's own): a word whose nouns
are acts, states, times, feelings, communication and the like, never artefacts, food, bodies,
animals, plants, substances or persons; and a word that hardly ever is such a noun, as "get".
The second list has those of them that are nouns of acts, thoughts, feelings, possession and states.
A third, `english_things.txt`, has the common words that may name a thing.

    python -m studies.keywords.make_english /usr/share/wordnet
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

WORDS = Path("schemas/words")

_POSITIONS = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}
# Of WordNet's lexicographer files, those of nouns that can be seen: animal, artifact, body, food,
# object, person, plant, shape, substance.
_THINGS = {5, 6, 8, 13, 17, 18, 20, 25, 27}
# Names in them (group, location, time) are no brands.
_NO_BRANDS = {14, 15, 28}
_RARELY, _OFTEN = 0.02, 25
# Acts, cognition, feelings, motives, possession, processes, relations, states.
_ABSTRACT = {4, 9, 12, 16, 21, 22, 24, 26}
_MOSTLY = 0.6


class Sense(NamedTuple):
    """One meaning of a word."""

    position: int
    """Part of speech: 1 noun, 2 verb, 3 adjective, 4 adverb."""
    kind: int
    """The lexicographer's file."""
    met: int
    """How often it was met in a tagged corpus."""


def read_words(path: Path) -> set[str]:
    """Return the words of a list; lines that begin with "#" are comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {word for line in lines if not line.startswith("#") for word in line.split()}


KEPT, ADDED, ADDED_NOUNS = (
    read_words(Path(__file__).with_name(name))
    for name in ("kept.txt", "added.txt", "added_nouns.txt")
)


def main(wordnet: Path) -> None:
    """Write the lists."""
    senses = read_senses(wordnet)
    brands = read_brands(wordnet)
    unseen = {word for word in senses if word not in brands and _names_nothing(senses[word])}
    abstract = {word for word in unseen if _is_abstract(senses[word])}
    _write("english.txt", unseen | ADDED | ADDED_NOUNS, senses)
    _write("english_nouns.txt", abstract | ADDED_NOUNS, senses)
    things = {word for word in senses if word not in unseen and _is_met(senses[word])}
    _write("english_things.txt", things - ADDED - ADDED_NOUNS, senses, KEPT)


def _is_met(senses: list[Sense]) -> bool:
    return any(sense.met for sense in senses)


def _write(
    name: str,
    words: set[str],
    senses: dict[str, list[Sense]],
    kept: frozenset[str] | set[str] = frozenset(),
) -> None:
    forms = {
        form
        for word in words - KEPT
        for form in (word, *_inflected(word, {sense.position for sense in senses[word]}))
        if form in words or form not in senses
    }
    text = "\n".join(sorted((forms - KEPT) | kept))
    (WORDS / name).write_text(_HEADER + text + "\n", encoding="utf-8")


def read_senses(wordnet: Path) -> dict[str, list[Sense]]:
    """Return all senses of each plain word."""
    counts: Counter[tuple[str, int, int]] = Counter()
    for line in (wordnet / "cntlist.rev").read_text().splitlines():
        key, rank, count = line.split()
        word, _, rest = key.partition("%")
        # "Satellite" adjectives, 5, are adjectives.
        position = {"5": 3}.get(rest[0], int(rest[0]))
        counts[word, position, int(rank)] = int(count)
    senses: dict[str, list[Sense]] = defaultdict(list)
    for name, position in _POSITIONS.items():
        kinds = {fields[0]: int(fields[1]) for fields in _lines(wordnet / f"data.{name}")}
        for fields in _lines(wordnet / f"index.{name}"):
            word, meanings = fields[0], int(fields[2])
            if not (word.isalpha() and word.isascii() and len(word) > 1):
                continue
            for place, offset in enumerate(fields[-meanings:], start=1):
                met = counts[word, position, place]
                senses[word].append(Sense(position, kinds[offset], met))
    return senses


def read_brands(wordnet: Path) -> set[str]:
    """Return proper names other than of places, groups and times, in small letters."""
    names = set()
    for fields in _lines(wordnet / "data.noun"):
        if int(fields[1]) not in _NO_BRANDS:
            words = fields[4 : 4 + 2 * int(fields[3], 16) : 2]
            names |= {word.lower() for word in words if word[0].isupper()}
    return names


def _lines(path: Path) -> Iterator[list[str]]:
    for line in path.read_text(encoding="latin-1").splitlines():
        if not line.startswith("  "):
            yield line.split(" | ")[0].split()


def _names_nothing(senses: list[Sense]) -> bool:
    things = [sense for sense in senses if sense.position == 1 and sense.kind in _THINGS]
    met = sum(sense.met for sense in senses)
    if not things:
        return met > 0
    return met >= _OFTEN and sum(sense.met for sense in things) < _RARELY * met


def _is_abstract(senses: list[Sense]) -> bool:
    nouns = [sense for sense in senses if sense.position == 1]
    met = sum(sense.met for sense in senses)
    often = sum(sense.met for sense in nouns) >= _MOSTLY * met
    return often and bool(nouns) and nouns[0].kind in _ABSTRACT


def _inflected(word: str, positions: set[int]) -> Iterator[str]:
    if positions & {1, 2}:
        if word[-1] == "y" and word[-2] not in "aeiou":
            yield f"{word[:-1]}ies"
        else:
            yield f"{word}es" if word.endswith(("s", "x", "z", "ch", "sh")) else f"{word}s"
    if 2 in positions:
        stem = word[:-1] if word[-1] == "e" else word
        yield from (f"{stem}ing", f"{stem}ed")
        if len(word) < 6 and word[-1] in "bdgmnprt" and word[-2] in "aeiou":
            yield from (f"{word}{word[-1]}ing", f"{word}{word[-1]}ed")


_HEADER = """\
# A list of common English words, by studies/keywords/make_english.py, which says what they are.
#
# Made from WordNet 3.0. Copyright 2006 by Princeton University. All rights reserved.
# Permission to use, copy, modify and distribute this software and database and its documentation
# for any purpose and without fee or royalty is hereby granted, provided that you agree to comply
# with the following copyright notice and statements, including the disclaimer, and that the same
# appear on ALL copies of the software, database and documentation, including modifications that
# you make for internal use or for distribution. THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS" AND
# PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES, EXPRESS OR IMPLIED. BY WAY OF
# EXAMPLE, BUT NOT LIMITATION, PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES OF
# MERCHANTABILITY OR FITNESS FOR ANY PARTICULAR PURPOSE OR THAT THE USE OF THE LICENSED SOFTWARE,
# DATABASE OR DOCUMENTATION WILL NOT INFRINGE ANY THIRD PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR
# OTHER RIGHTS. The name of Princeton University or Princeton may not be used in advertising or
# publicity pertaining to distribution of the software and/or database. Title to copyright in this
# software, database and any associated documentation shall at all times remain with Princeton
# University and LICENSEE agrees to preserve same.
"""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
