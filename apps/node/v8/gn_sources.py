"""The source files that V8's BUILD.gn lists for a target, under the settings below.

Of GN's language no more than that needs: assignments to lists of strings, and
conditions of variables, comparisons, and, or, not. Everything else is passed over.
"""

import pathlib
import re

# Variables that are not named are false.
SETTINGS = {"v8_current_cpu": "x64", "current_cpu": "x64", "v8_enable_sparkplug": True,
            "v8_advanced_bigint_algorithms": True, "v8_enable_webassembly": True}

_TOKEN = re.compile(r'\s+|#[^\n]*|"(?:[^"\\]|\\.)*"|\w+|[-+=!<>]=|&&|\|\||.', re.DOTALL)


def _tokens(text: str) -> list[str]:
    found = (match.group() for match in _TOKEN.finditer(text))
    return [token for token in found if not token.isspace() and not token.startswith("#")]


class _Target:
    """Executes a block's statements, of which only those on lists matter."""

    def __init__(self, tokens: list[str], settings: dict) -> None:
        self._tokens = tokens
        self._at = 0
        self._settings = settings
        self.lists: dict[str, list[str]] = {}

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1] if self._at <= len(self._tokens) else "}"

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else "}"

    def block(self, executed: bool) -> None:
        """To the brace that closes it, or to the end."""
        before = ""
        while (token := self._next()) != "}":
            if token == "{":
                self.block(False)  # of a call, or of something unknown
            elif token == "if":
                self._condition(executed)
            elif token in ("=", "+=", "-=") and self._peek() == "[":
                self._assignment(before, token, executed)
            before = token

    def _condition(self, executed: bool) -> None:
        """An if with all its elses."""
        while True:
            words = self._parenthesis()
            holds = executed and self._evaluate(words)
            self._next()  # the brace
            self.block(holds)
            executed = executed and not holds
            if self._peek() != "else":
                return
            self._next()
            if self._next() == "{":
                self.block(executed)
                return

    def _parenthesis(self) -> list[str]:
        begin = self._at + 1
        depth = 0
        while True:
            depth += {"(": 1, ")": -1}.get(self._next(), 0)
            if depth == 0:
                return self._tokens[begin:self._at - 1]

    def _evaluate(self, words: list[str]) -> bool:
        replaced = {"&&": "and", "||": "or", "!": "not", "true": "True", "false": "False"}
        variables = {word for word in words if word.isidentifier()}
        values = {name: self._settings.get(name, False) for name in variables}
        return bool(eval(" ".join(replaced.get(word, word) for word in words), values))

    def _assignment(self, name: str, operator: str, executed: bool) -> None:
        strings = []
        while (token := self._next()) != "]":
            if token.startswith('"'):
                strings.append(token[1:-1])
        if not executed:
            return
        before = [] if operator == "=" else self.lists.get(name, [])
        if operator == "-=":
            self.lists[name] = [s for s in before if s not in strings]
        else:
            self.lists[name] = before + strings


def lists(build_gn: pathlib.Path, target: str = "", settings: dict = SETTINGS) -> dict[str, list[str]]:
    """The lists of strings of a target; without its name those of the file itself."""
    tokens = _tokens(build_gn.read_text())
    if target:
        name = f'"{target}"'
        begins = [at for at, token in enumerate(tokens)
                  if token == name and tokens[at - 1] == "(" and tokens[at + 1: at + 3] == [")", "{"]]
        if len(begins) != 1:
            raise ValueError(f"{build_gn}: {len(begins)} targets {target}")
        tokens = tokens[begins[0] + 3:]
    executed = _Target(tokens, settings)
    executed.block(True)
    return executed.lists
