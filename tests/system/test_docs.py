#!/usr/bin/python3
"""What the documentation names is there."""

import re
import unittest

from harness import ROOT

_UNIT = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
_NAMED = re.compile(r"`(\w+)\.(\w+)`")
_FILES = {"capnp", "cc", "h", "py"}  # are named so as well


class DocsTest(unittest.TestCase):
    def test_pages_name_tests_that_exist(self) -> None:
        known = set()
        for source in (ROOT / "tests").rglob("*_test.cc"):
            known |= {f"{suite}.{test}" for suite, test in _UNIT.findall(source.read_text())}
        for source in (ROOT / "tests" / "system").glob("test_*.py"):
            known |= {f"{source.stem}.{test}"
                      for test in re.findall(r"def (test_\w+)", source.read_text())}
        for page, least in (("traps.md", 50), ("hostile.md", 10)):
            with self.subTest(page=page):
                named = {".".join(match) for match in
                         _NAMED.findall((ROOT / "docs" / page).read_text())
                         if match[1] not in _FILES}
                self.assertGreater(len(named), least)
                self.assertEqual(named - known, set())

    def test_links_lead_somewhere(self) -> None:
        for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
            for target in re.findall(r"\[[^\]]+\]\(([\w./-]+)", page.read_text()):
                with self.subTest(page=page.name, target=target):
                    self.assertTrue((page.parent / target).exists())


if __name__ == "__main__":
    unittest.main()
