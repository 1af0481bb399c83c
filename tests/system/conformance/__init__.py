"""What test_conformance.py asks of the network stack: cases, by section."""

from . import (  # noqa: F401
    closing,
    data,
    ipv4,
    ipv6,
    opening,
    options,
    resets,
    retransmission,
    udp,
    windows,
)
from .case import CASES, Case, Finding, table  # noqa: F401
