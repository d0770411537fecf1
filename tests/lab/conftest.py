"""The rooms of the lab are tested on tiny studies, which workers must be able to import too."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
