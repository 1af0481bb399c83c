// The driver of bench/v8, on the library OS and on Linux: loads the suite's base
// and kernels and says one line for each score. `settings` is set before: words
// with commas between, "timed" or the part of each kernel's own number of
// iterations that is to be run, then the kernels.
(function() {
  const began = Date.now();
  const [mode, ...kernels] = settings.split(",");
  // One clock, whatever a program brings.
  Object.defineProperty(globalThis, "performance",
                        {value: {now: Date.now}, writable: true, configurable: true});
  load("base.js");
  for (const kernel of kernels) load(kernel + ".js");
  for (const suite of BenchmarkSuite.suites) {
    suite.reference.length = 1;  // splay's latency is not in version 7
    if (mode === "timed") continue;
    for (const benchmark of suite.benchmarks) {
      const iterations = Math.ceil(mode * benchmark.deterministicIterations);
      benchmark.doWarmup = false;
      benchmark.doDeterministic = true;
      benchmark.deterministicIterations = benchmark.minIterations = iterations;
    }
  }
  BenchmarkSuite.RunSuites({
    NotifyResult(name) {
      print("score: " + name + "\t" + 100 * BenchmarkSuite.scores[BenchmarkSuite.scores.length - 1]);
    },
    NotifyError(name, error) { print("error: " + name + "\t" + (error.stack || error)); },
  });
  print("clock: " + (Date.now() - began));
})();
