"""Errors that are told to the user in a line, without a traceback."""


class Problem(Exception):
    """What went wrong and what to do about it. Exit code 1."""

    exit_code = 1


class UsageProblem(Problem):
    """The command line makes no sense. Exit code 2."""

    exit_code = 2
