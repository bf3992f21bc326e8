"""The account of the corpus: what is kept, and what is not, by reason.

python -m musicenv.corpus [collection ...]
"""

import sys

from musicenv.corpus import DEFAULT, load

print(load(sys.argv[1:] or DEFAULT).report())
