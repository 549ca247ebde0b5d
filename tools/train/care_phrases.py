"""The phrases behind the help card, read from `phrases.rs` and matched as `rules.rs` matches them."""

import pathlib
import re
import unicodedata

SOURCE = pathlib.Path(__file__).resolve().parents[2] / "crates/assistant/src/care/phrases.rs"
WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
GAP = 3
BEFORE = 3


def folded(text):
    """Words as `words.rs` folds them: lower case, no accents, no apostrophes, hyphens kept."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return [re.sub("['’‘ʼ]", "", word).lower() for word in WORD.findall(plain)]


def table():
    """(rules, elsewhere, negators) with every pattern as a list of sets of words, None for a gap."""
    source = SOURCE.read_text(encoding="utf-8")
    strings = r'"((?:[^"\\]|\\.)*)"'

    def body(name):
        return re.search(rf"const {name}: [^=]* = &\[\n?(.*?)\n?\];", source, re.S).group(1)

    classes = {name: set(words.split("|")) for name, words in re.findall(rf"\({strings}, {strings}\)", body("CLASSES"))}

    def pattern(text):
        return [None if token == "*" else set().union(*(classes.get(word, {word}) for word in token.split("|"))) for token in text.split()]

    rules = []
    for phrase, strength, unless in re.findall(rf"\({strings}, (Certain|Possible), &\[(.*?)\]\)", body("RULES")):
        rules.append((pattern(phrase), 2 if strength == "Certain" else 1, [pattern(p) for p in re.findall(strings, unless)]))
    return rules, [pattern(p) for p in re.findall(strings, body("ELSEWHERE"))], set(re.findall(strings, body("NEGATORS")))


def starts(pattern, words, at):
    """Whether `pattern` matches `words` from `at`."""
    if not pattern:
        return True
    if pattern[0] is None:
        return any(starts(pattern[1:], words, at + skip) for skip in range(GAP + 1))
    return at < len(words) and words[at] in pattern[0] and starts(pattern[1:], words, at + 1)


def find(pattern, words):
    """Where `pattern` first matches, or None."""
    return next((at for at in range(len(words)) if starts(pattern, words, at)), None)


def strength(sentence, rules_elsewhere_negators):
    """2 where the sentence says it outright, 1 where it can mean it, 0 otherwise."""
    rules, elsewhere, negators = rules_elsewhere_negators
    words = folded(sentence)
    there = set(words)
    strongest, told = 0, None
    for pattern, says, unless in rules:
        if says <= strongest or there.isdisjoint(pattern[0]):
            continue
        at = find(pattern, words)
        if at is None or any(find(p, words) is not None for p in unless):
            continue
        if says == 2:
            told = any(find(p, words) is not None for p in elsewhere) if told is None else told
            if told or negators & set(words[max(0, at - BEFORE) : at]):
                says = 1
        strongest = max(strongest, says)
    return strongest
