"""Flesch-Kincaid grade level of a text: school years needed to read it (grade 6 is about age 12)."""

from __future__ import annotations

import re

VOWELS = re.compile(r"[aeiouy]+")
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")
SENTENCE = re.compile(r"[.!?:]+(?=\s|$)|\n+")


def syllables(word: str) -> int:
    """Syllables of an English word: vowel groups, without a silent final e or ed."""
    word = word.lower().strip("'-")
    groups = len(VOWELS.findall(word))
    if re.search(r"[^aeiouyl]es?$|[^aeioutdy]ed$", word) and not re.search(r"[sxzcg]es$|(sh|ch)es$", word):
        groups -= 1
    if re.search(r"(ia|io|ua|eo)", word) and not re.search(r"(tion|sion|cial|tial)", word):
        groups += 1
    return max(groups, 1)


def grade(text: str) -> float:
    """Flesch-Kincaid grade: 0.39 words a sentence + 11.8 syllables a word - 15.59."""
    sentences = [part for part in SENTENCE.split(text) if WORD.search(part)]
    words = [word for part in sentences for word in WORD.findall(part)]
    if not words:
        return 0.0
    return 0.39 * len(words) / len(sentences) + 11.8 * sum(map(syllables, words)) / len(words) - 15.59
