"""What test_conformance.py asks of the network stack: cases, by section."""

# In the order of the page.
from . import opening  # noqa: F401, I001
from . import data  # noqa: F401
from . import windows  # noqa: F401
from . import retransmission  # noqa: F401
from . import options  # noqa: F401
from . import resets  # noqa: F401
from . import closing  # noqa: F401
from . import udp  # noqa: F401
from . import ipv4  # noqa: F401
from . import ipv6  # noqa: F401
from .case import CASES, table  # noqa: F401
