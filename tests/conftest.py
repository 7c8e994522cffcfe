"""What every test run needs before torch is imported."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# One thread for each process: workers, ranks and the test itself run side by side on a few cores, and libraries that
# each take all of them slow each other down. Engines and learners set their own numbers.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# torch builds extensions with the ninja beside this Python.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
