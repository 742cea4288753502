"""Entry point: `python driver` with the protocol on descriptors 3 and 4."""

import os
import sys

folder = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, folder)
from alembic_gate_driver.main import main  # noqa: E402

# The project must find its own modules, and none of ours.
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry) != folder]
main()
