"""Import to have the project's code parsed, as planning's digests need it.

`digest` remembers that by the code itself, so a module of an edited copy is parsed where it is planned.
"""

import sys
from pathlib import Path

WORKFLOW = Path(__file__).parent.parent / "workflow"

sys.path.insert(0, str(WORKFLOW))
import digest  # noqa: E402

sys.path.remove(str(WORKFLOW))
for path in (WORKFLOW / "scripts").rglob("*.py"):
    digest.code(path)
    digest.imported(path, WORKFLOW / "scripts")
