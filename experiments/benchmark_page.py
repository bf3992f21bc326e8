"""docs/benchmark.md: its tables are put in from the shipped files, between comments that name them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from musicenv.files import write_atomic

PAGE: Final = Path(__file__).parent.parent / "docs" / "benchmark.md"
_BLOCK: Final = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(shipped: Path, page: Path = PAGE) -> Path:
    """Replace what stands in each block ``<!-- begin NAME -->`` ... ``<!-- end -->`` by ``shipped``/NAME.md."""

    def replaced(block: re.Match[str]) -> str:
        path = shipped / f"{block[2]}.md"
        return f"{block[1]}\n{path.read_text(encoding='utf-8')}\n{block[3]}" if path.exists() else block[0]

    return write_atomic(page, _BLOCK.sub(replaced, page.read_text(encoding="utf-8")))
