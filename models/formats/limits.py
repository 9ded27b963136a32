"""How much a file may claim before it is refused. Sizes are bytes of memory, not of the upload."""

from __future__ import annotations

MAX_COLUMNS = 10_000
MAX_CELL_BYTES = 1 << 20
"""A row of text longer than this is taken for an unclosed quote."""
MAX_CELLS = 2_000_000_000
MAX_UNPACKED_BYTES = 8 << 30
MAX_RATIO = 200
"""Unpacked to packed size; real images, digits and tables stay below 60."""
RATIO_FREE_BYTES = 64 << 20
"""Up to here the ratio does not matter."""
MAX_ENTRIES = 1_000_000
MAX_INDEXED_ENTRIES = 10_000_000
"""Files of an archive whose contents stay on disk: some fifty bytes of memory each."""
MAX_SPOOLED_BYTES = 1 << 40
"""What a packed archive may unpack to on disk."""
MAX_HELD_BYTES = 1 << 30
"""Arrays of images in a file that is larger than this stay in it, where they lie unpacked."""
MAX_IMAGE_BYTES = 256 << 20
"""The file of one image."""
MAX_NAME_BYTES = 1024
MAX_IMAGE_PIXELS = 64_000_000
MAX_TEXT_FILE_BYTES = 128 << 20
MAX_TEXT_LETTERS = 1 << 30
"""Of all texts of a dataset together."""
MAX_TEXTS = 10_000_000
