"""The command of EbbRT: sets up what is missing, builds, runs, tests."""
