"""`python -m models.formats.profiling PATH FORMAT OPTIONS_JSON`: profiles one file from a stranger, within limits.

Prints the profile as JSON, or `{"error": {"code", "message", "place"}}` with exit status 1. It runs as a process of its
own because a decoder may be attacked: it has bounded memory and time, leaves no core file and opens no network.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from models.errors import InvalidData, Unprocessable

MEMORY_BYTES = 16 << 30
CPU_SECONDS = 600


def limit_resources(*, memory_bytes: int = MEMORY_BYTES, cpu_seconds: int = CPU_SECONDS) -> None:
    """Bounds this process for good: address space, processor time, no core file."""
    for what, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        _, most = resource.getrlimit(what)
        allowed = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(what, (allowed, allowed))


def document(path: Path, *, format: str, options: dict[str, Any]) -> dict[str, Any]:  # noqa: A002 - the word clients use
    """The profile of a file, or what is wrong with it, ready for JSON."""
    import pyarrow as pa

    from models import formats
    from models.formats.summaries import profile

    try:
        return profile(formats.read(path, format=format, options=options)).model_dump(mode="json")
    except InvalidData as error:
        return _error("invalid_data", error.message, place=error.place)
    except Unprocessable as error:
        return _error("invalid_options", "; ".join(f"{field.pointer}: {field.detail}" for field in error.errors))
    except (MemoryError, pa.ArrowMemoryError, pa.ArrowCapacityError):
        message = f"reading it takes more than the {MEMORY_BYTES >> 30} GB of memory that a profile may use"
        return _error("invalid_data", message)
    except OSError as error:  # no room to unpack it, for one
        return _error("invalid_data", f"it cannot be unpacked here ({error.strerror or error})")
    except pa.ArrowException as error:
        return _error("invalid_data", f"it cannot be read ({error})")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns the exit status."""
    path, format_, options = (sys.argv[1:] if arguments is None else arguments)[:3]
    limit_resources()
    answer = document(Path(path), format=format_, options=json.loads(options))
    sys.stdout.write(json.dumps(answer, allow_nan=False) + "\n")
    return 1 if "error" in answer else 0


def _error(code: str, message: str, *, place: str | None = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "place": place}}


if __name__ == "__main__":
    sys.exit(main())
