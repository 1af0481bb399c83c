#!/usr/bin/python3
"""Packages of npm on node, unmodified: an Express application, and TypeScript's compiler."""

import json
import shutil
import subprocess
import sys
import unittest

from harness import ROOT
from node_test import NodeCase

sys.path.insert(0, str(ROOT / "tools"))

from command import npm  # noqa: E402

PROGRAMS = ROOT / "tests" / "system" / "node"


class NpmCase(NodeCase):
    def install(self, name: str) -> None:
        """The program with its packages, as `npm ci` would have left them."""
        if shutil.which("npm") is None:
            self.skipTest("npm, which fetches the packages, is not installed")
        shutil.copytree(PROGRAMS / name, self.files, dirs_exist_ok=True)
        shutil.copytree(npm.install(PROGRAMS / name), self.files / "node_modules", symlinks=True)


class ExpressTest(NpmCase):
    def curl(self, *words: str) -> str:
        result = self.namespace.run(["curl", "-sS", "--max-time", "60", *words],
                                    capture_output=True, text=True, timeout=90)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def test_an_application(self) -> None:
        if shutil.which("curl") is None:
            self.skipTest("curl is not installed")
        self.install("express")
        (self.files / "static").mkdir()
        (self.files / "static" / "page.html").write_text("<p>a page\n")
        with self.running("server.js") as node:
            node.wait_for("at ")
            address, port = node.line().split()
            at = f"http://{address}:{port}"
            code = ("-o", "/dev/null", "-w", "%{http_code}")
            head = self.curl("-i", f"{at}/static/page.html")
            self.assertIn("X-Served-By: ebbrt\n", head.replace("\r", ""))
            self.assertIn("Content-Type: text/html; charset=UTF-8\n", head.replace("\r", ""))
            self.assertTrue(head.endswith("<p>a page\n"), head)
            etag = next(line.split(" ", 1)[1] for line in head.splitlines() if line.startswith("ETag"))
            self.assertEqual(self.curl(*code, "-H", f"If-None-Match: {etag}", f"{at}/static/page.html"), "304")
            self.assertEqual(self.curl("-r", "3-5", f"{at}/static/page.html"), "a p")
            self.assertEqual(self.curl(*code, f"{at}/static/../server.js", "--path-as-is"), "404")
            put = ("-X", "PUT", "-H", "Content-Type: application/json")
            self.assertEqual(self.curl(*code, f"{at}/notes/first"), "404")
            self.assertEqual(self.curl(*put, "-d", '{"a": [1, "ü"]}', "-w", "%{http_code} %header{location}",
                                       f"{at}/notes/first"), "201 /notes/first")
            self.assertEqual(json.loads(self.curl(f"{at}/notes/first?short")),
                             {"name": "first", "note": {"a": [1, "ü"]}, "short": True})
            self.assertEqual(self.curl(*code, f"{at}/notes/no-name"), "400")
            self.assertIn("JSON", self.curl(*put, "-d", "{broken", f"{at}/notes/second"))
            large = self.files / "large.json"
            large.write_text(json.dumps("x" * 200_000))
            self.assertEqual(self.curl(*code, *put, "-d", f"@{large}", f"{at}/notes/second"), "413")
            self.assertEqual(json.loads(self.curl(f"{at}/fails")),
                             {"message": "ENOENT: no such file or directory, open '/nowhere'"})
            self.assertEqual(self.curl("--parallel", *[f"{at}/static/page.html"] * 40), "<p>a page\n" * 40)


class TypeScriptTest(NpmCase):
    TSC = ("node_modules/typescript/bin/tsc", "--strict", "--target", "es2020", "--lib", "es2020")

    def test_a_program(self) -> None:
        self.install("typescript")
        compiled = self.node(*self.TSC, "--outDir", "made", "program.ts", timeout=400)
        self.assertEqual((compiled.returncode, compiled.stdout, compiled.stderr), (0, "", ""))
        ran = self.node("made/program.js")
        self.assertEqual((ran.returncode, ran.stdout),
                         (0, "rectangle of 12.0, rectangle of 2.0\n"), ran.stderr)

    def test_errors_are_found(self) -> None:
        self.install("typescript")
        compiled: subprocess.CompletedProcess = self.node(*self.TSC, "--noEmit", "broken.ts", timeout=400)
        self.assertEqual(compiled.returncode, 2, compiled.stdout + compiled.stderr)
        self.assertEqual(compiled.stdout.splitlines(), [
            "broken.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.",
            "broken.ts(3,26): error TS2304: Cannot find name 'missing'."])


if __name__ == "__main__":
    unittest.main()
