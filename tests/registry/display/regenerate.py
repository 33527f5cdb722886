"""Write the golden files of cards anew; look at each that changed before it is committed."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from shown import SHOWN, steady

GOLDEN = Path(__file__).parent / "golden"


def main() -> None:
    """Write one ``.html`` and one ``.txt`` a result."""
    for name, make in SHOWN.items():
        with tempfile.TemporaryDirectory() as folder:
            result = make(Path(folder))
            for text, kind in ((result._repr_html_(), "html"), (repr(result), "txt")):
                (GOLDEN / f"{name}.{kind}").write_text(steady(text, Path(folder)), "utf-8")


if __name__ == "__main__":
    main()
