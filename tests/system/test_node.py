#!/usr/bin/python3
"""node on the library OS: scripts of this machine's files on a machine of their own."""

import unittest

from node_test import NodeCase


class NodeTest(NodeCase):
    def test_what_it_says_of_itself(self) -> None:
        self.prints("""
            console.log("hello", [1, { a: null }], process.argv.slice(2));
            console.log(process.platform, process.arch, process.version);
            console.log(require("os").EOL === "\\n", process.cwd(), __filename);
            """, """
            hello [ 1, { a: null } ] [ 'x', '-y' ]
            ebbrt x64 v18.20.4
            true / /script.js
            """, "x", "-y")

    def test_text_and_the_exit_code(self) -> None:
        result = self.node("-e", "console.log(6 * 7); process.exitCode = 3")
        self.assertEqual((result.returncode, result.stdout), (3, "42\n"))

    def test_modules_and_files(self) -> None:
        (self.files / "other.js").write_text("exports.twice = x => 2 * x;\n")
        (self.files / "third.mjs").write_text("export const name = import.meta.url;\n")
        self.prints("""
            const fs = require("fs");
            console.log(require("./other").twice(21));
            fs.mkdirSync("a/b", { recursive: true });
            fs.writeFileSync("a/b/c.txt", "written");
            console.log(fs.readFileSync("a/b/c.txt", "utf8"), fs.readdirSync("a"), fs.statSync("a").isDirectory());
            try { fs.readFileSync("nowhere") } catch (error) { console.log(error.code, error.syscall) }
            import("./third.mjs").then(module => console.log(module.name))
              .then(() => fs.promises.readFile("a/b/c.txt")).then(data => console.log(data.length));
            """, """
            42
            written [ 'b' ] true
            ENOENT open
            file:///third.mjs
            7
            """)
        self.assertEqual((self.files / "a/b/c.txt").read_text(), "written")

    def test_timers_and_turns(self) -> None:
        self.prints("""
            setTimeout(() => {
              const begin = Date.now();
              setTimeout(() => console.log("second", Date.now() - begin >= 50), 50);
              setTimeout(() => console.log("first"), 10);
              setImmediate(() => console.log("immediate"));
              process.nextTick(() => console.log("tick"));
              Promise.resolve().then(() => console.log("promise"));
            }, 1);
            let n = 0;
            const repeated = setInterval(() => { if (++n === 3) clearInterval(repeated) }, 5);
            process.on("exit", () => console.log("exit", n));
            """, """
            tick
            promise
            immediate
            first
            second true
            exit 3
            """)

    def test_turns_that_never_wait_let_others_come(self) -> None:
        """setImmediate again and again doesn't keep answers away."""
        (self.files / "there.txt").write_text("there")
        self.prints("""
            let done = false;
            require("fs").readFile("there.txt", "utf8", (error, text) => { console.log(text); done = true });
            (function again() { if (!done) setImmediate(again) })();
            """, """
            there
            """)

    def test_storage_that_follows_promises(self) -> None:
        self.prints("""
            const { AsyncLocalStorage } = require("async_hooks");
            const storage = new AsyncLocalStorage();
            storage.run("mine", async () => {
              await null;
              setTimeout(() => console.log("timer", storage.getStore()), 1);
              console.log("promise", storage.getStore());
            });
            console.log("outside", storage.getStore());
            """, """
            outside undefined
            promise mine
            timer mine
            """)

    def test_crypto_and_zlib(self) -> None:
        self.prints("""
            const crypto = require("crypto"), zlib = require("zlib");
            console.log(crypto.createHash("sha256").update("abc").digest("hex"));
            console.log(crypto.createHmac("md5", "key").update("text").digest("hex"));
            const pair = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
            const signature = crypto.sign("sha256", Buffer.from("text"), pair.privateKey);
            console.log(crypto.verify("sha256", Buffer.from("text"), pair.publicKey, signature));
            console.log(crypto.randomBytes(16).equals(crypto.randomBytes(16)));
            const text = "text ".repeat(1000);
            for (const name of ["gzip", "deflate", "brotliCompress"]) {
              const packed = zlib[name + "Sync"](text);
              const back = { gzip: "gunzip", deflate: "inflate", brotliCompress: "brotliDecompress" }[name];
              console.log(name, packed.length < 100, zlib[back + "Sync"](packed).toString() === text);
            }
            crypto.pbkdf2("secret", "salt", 10, 16, "sha1", (error, key) => console.log(error, key.length));
            """, """
            ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
            d0ca6177c61c975fd2f8c07d8c6528c6
            true
            false
            gzip true true
            deflate true true
            brotliCompress true true
            null 16
            """)

    def test_what_there_is_not(self) -> None:
        self.prints("""
            const refused = (name, call) => { try { call(); console.log(name) } catch (e) { console.log(name, e.code, e.message) } };
            refused("worker", () => new (require("worker_threads").Worker)("1", { eval: true }));
            refused("inspector", () => require("inspector"));
            console.log(require("child_process").spawnSync("ls").error.code);
            console.log(typeof Intl);
            """, """
            worker ERR_WORKER_INIT_FAILED ENOSYS
            inspector ERR_INSPECTOR_NOT_AVAILABLE Inspector is not available
            ENOSYS
            undefined
            """)

    def test_web_assembly(self) -> None:
        """A module with an import, a memory that grows, and a trap at its end; fib(20)
        is called until it is compiled once more, optimized."""
        self.prints("""
            // (import "host" "say" (func (param i32))) (memory (export "memory") 1 4)
            // fib(n); grow() says the size before; load(address)
            const bytes = Buffer.from(
              "0061736d01000000010d0360017f0060017f017f600000020c0104686f73740373617900000304030102010504010101" +
              "04071e04066d656d6f727902000366696200010467726f770002046c6f616400030a2f031c002000410249047f200005" +
              "200041016b1001200041026b10016a0b0b08004101400010000b070020002802000b", "hex");
            const say = size => console.log("grown from", size);
            WebAssembly.instantiate(bytes, { host: { say } }).then(({ instance: { exports } }) => {
              let sum = 0;
              for (let i = 0; i < 200; i++) sum += exports.fib(10);
              console.log(sum, exports.fib(20));
              new Uint32Array(exports.memory.buffer)[16383] = 7;
              exports.grow();
              console.log(exports.load(65532), exports.load(65536), exports.memory.buffer.byteLength);
              try { exports.load(131072) } catch (error) { console.log(error.name, error.message) }
              console.log(WebAssembly.validate(bytes.subarray(0, 40)));
            });
            """, """
            11000 6765
            grown from 1
            7 0 131072
            RuntimeError memory access out of bounds
            false
            """)

    def test_a_cache_of_code_that_was_damaged_is_refused(self) -> None:
        self.prints("""
            const { Script } = require("vm");
            // A cache fits every text of its length; one that was compiled needs none.
            const text = number => `(function f(x) { return x * ${number} })`;
            const cachedData = new Script(text(1000)).createCachedData();
            console.log(new Script(text(1001), { cachedData }).cachedDataRejected);
            let taken = 0;
            for (let at = 32; at < cachedData.length; at++) {
              const damaged = Buffer.from(cachedData);
              damaged[at] ^= 1;
              const script = new Script(text(2000 + at), { cachedData: damaged });
              if (!script.cachedDataRejected) taken++;
            }
            console.log(taken);
            """, """
            false
            0
            """)

    def test_it_starts_from_its_snapshot(self) -> None:
        """Else all would work, but slowly: node's scripts come with the snapshot, or
        from the cache of code beside it."""
        self.script("console.log(1)")
        result = self.namespace.run(
            self.words("script.js"), cwd=self.files, capture_output=True, text=True, timeout=180,
            env={**self.environment(), "NODE_DEBUG_NATIVE": "code_cache",
                 "EBBRT_PROGRAM_ENVIRONMENT": "NODE_DEBUG_NATIVE"})
        self.assertEqual((result.returncode, result.stdout), (0, "1\n"))
        self.assertRegex(result.stderr, "Compiling net with code cache")
        self.assertNotRegex(result.stderr, "without code cache|is rejected")
        self.assertNotIn("internal/bootstrap/node", result.stderr)

    def test_an_exception_that_nobody_catches(self) -> None:
        (self.files / "script.js").write_text("function f() {\n  throw new Error('why');\n}\nf();\n")
        result = self.node("script.js")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("/script.js:2", result.stderr)
        self.assertIn("Error: why\n    at f (/script.js:2:9)", result.stderr)
        result = self.node("-e", "Promise.reject(new Error('why'))")
        self.assertEqual(result.returncode, 1)
        self.assertIn("Error: why", result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
