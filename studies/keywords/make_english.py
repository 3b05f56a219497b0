"""Make `schemas/words/english.txt`: common English words that name nothing one can see.

From WordNet 3.0's files (Debian's package `wordnet-base`, or Princeton's own): a word whose nouns
are acts, states, times, feelings, communication and the like, never artefacts, food, bodies,
animals, plants, substances or persons; and a word that hardly ever is such a noun, as "get".

    python -m studies.keywords.make_english /usr/share/wordnet
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

OUT = Path("schemas/words/english.txt")

_POSITIONS = {"noun": 1, "verb": 2, "adj": 3, "adv": 4}
# Of WordNet's lexicographer files, those of nouns that can be seen: animal, artifact, body, food,
# object, person, plant, shape, substance.
_THINGS = {5, 6, 8, 13, 17, 18, 20, 25, 27}
# Names in them (group, location, time) are no brands.
_NO_BRANDS = {14, 15, 28}
_RARELY, _OFTEN = 0.02, 25

KEPT = frozenset(
    """
    food foods animal animals plant plants person persons object objects body substance men teens
    teenagers extension extensions calendar calendars shelves daylight wood woods pimple pimples scar
    scars wing wings shake shakes roll rolls swing swings bear bears fig figs exhibit exhibits
    worksheet worksheets resort resorts property properties estate wildlife flock village town drill
    cap bow beats lift lifts pound spot spots wind medals sole sink board boards scene drink drinks
    down rose roses cell cells stationery pampers hands costume costumes meal meals part parts
    card cards people family crew team pair pairs couple set sets pack packs combo bundle scrub scrubs ticket
    tickets letter letters smile smiles movie movies cartoon cartoons anime bill bills printing
    contour fingerprint medal certificate license magazine newsletter papers paper scores smoke
    lightning flame flames sunshine sunset sunrise mist golf tennis yoga dance dancing massage
    tattoo manicure pedicure swimming boxing soccer football basketball karate haircut makeover
    shoes shoe windows window lawn city rooftop campus beach coin coins cash money currency gift
    gifts electronics fragrance fragrances scent scents perfume aroma eyes eye glitter texture tan
    blush tint gloss glow wipe wipes kick kicks chew chews bite bites treat treats blinds contacts
    supply fries chips dips sweets greens highlights wedding party parade festival carnival concert
    workout exercise game games app video videos website page product products item items thing
    things collection collections accessories skincare haircare music song album clothing curl
    curls drop drops slide slides top tops hoop hoops braces tights sign signs map text sticker
    poster photography photo roller vacuum cruise pool splash wedding bonsai candlelight treatment
    blend sparkler sparklers balm look ring rings press tap plank plunge stretch wear wears
    activewear menswear womenswear footwear sleepwear swimwear sportswear streetwear outerwear
    beachwear knitwear underwear nightwear denim lease cut cuts toner jerky slip slips flex lash
    """.split()
)
"""Left out by hand: products and what a picture can show, whatever their class."""


class Sense(NamedTuple):
    """One meaning of a word."""

    position: int
    """Part of speech: 1 noun, 2 verb, 3 adjective, 4 adverb."""
    kind: int
    """The lexicographer's file."""
    count: int
    """How often it was met in a tagged corpus."""


def main(wordnet: Path) -> None:
    """Write the list."""
    senses = read_senses(wordnet)
    brands = read_brands(wordnet)
    unseen = {word for word in senses if word not in brands and _names_nothing(senses[word])}
    forms = {
        form
        for word in unseen - KEPT
        for form in (word, *_inflected(word, {sense.position for sense in senses[word]}))
        if form in unseen or form not in senses
    }
    text = "\n".join(sorted(forms - KEPT))
    OUT.write_text(_HEADER + text + "\n", encoding="utf-8")


def read_senses(wordnet: Path) -> dict[str, list[Sense]]:
    """Return all senses of each plain word."""
    counts: Counter[tuple[str, int, int]] = Counter()
    for line in (wordnet / "cntlist.rev").read_text().splitlines():
        key, number, count = line.split()
        word, _, rest = key.partition("%")
        # "Satellite" adjectives are adjectives.
        counts[word, min(int(rest[0]), 4) if rest[0] != "5" else 3, int(number)] = int(count)
    senses: dict[str, list[Sense]] = defaultdict(list)
    for name, position in _POSITIONS.items():
        kinds = {fields[0]: int(fields[1]) for fields in _lines(wordnet / f"data.{name}")}
        for fields in _lines(wordnet / f"index.{name}"):
            word, number = fields[0], int(fields[2])
            if not (word.isalpha() and word.isascii() and len(word) > 1):
                continue
            for rank, offset in enumerate(fields[-number:], start=1):
                count = counts[word, position, rank]
                senses[word].append(Sense(position, kinds[offset], count))
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
    met = sum(sense.count for sense in senses)
    if not things:
        return met > 0
    return met >= _OFTEN and sum(sense.count for sense in things) < _RARELY * met


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
# Common English words that name nothing one can see, by studies/keywords/make_english.py.
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
