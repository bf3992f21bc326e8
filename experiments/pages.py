"""Pages of docs/: their tables are put in between comments that name them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from musicenv.files import write_atomic

_BLOCK: Final = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill(page: Path, blocks: Mapping[str, str]) -> Path:
    """In ``page``, replace what stands in each block ``<!-- begin NAME -->`` ... ``<!-- end -->`` of ``blocks``."""

    def replaced(found: re.Match[str]) -> str:
        return f"{found[1]}\n{blocks[found[2]]}\n\n{found[3]}" if found[2] in blocks else found[0]

    return write_atomic(page, _BLOCK.sub(replaced, page.read_text(encoding="utf-8")))
