"""A job's TensorBoard event file: fetched whole, in place of an older one."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from typing import Final

import httpx2

from ._exceptions import ServerError, ServiceUnreachable
from ._retries import Patience
from ._transport import Transport, translated

_CHUNK_BYTES: Final = 1 << 20
_FILE_NAME: Final = re.compile(r'filename="(events\.out\.tfevents\.[A-Za-z0-9._-]+)"')


def fetch(transport: Transport, path: str, *, job_id: str, folder: Path) -> Path:
    """The newest event file of a job, in a folder that keeps no older one of it; begun again where it was cut."""
    folder.mkdir(parents=True, exist_ok=True)
    patience = Patience()
    while True:
        try:
            return _fetched(transport, path, job_id=job_id, folder=folder)
        except (ServiceUnreachable, ServerError) as error:
            patience.spend(error)


def _fetched(transport: Transport, path: str, *, job_id: str, folder: Path) -> Path:
    response = transport.request("GET", path, headers={"Accept": "*/*"}, stream=True)
    part = folder / f".{job_id}.part"
    with closing(response), translated(transport.url), part.open("wb") as sink:
        for chunk in response.iter_bytes(_CHUNK_BYTES):
            sink.write(chunk)
    target = part.replace(folder / _name(response, transport))
    for older in folder.glob(f"events.out.tfevents.*.{job_id}"):
        if older != target:
            older.unlink()
    return target


def _name(response: httpx2.Response, transport: Transport) -> str:
    match = _FILE_NAME.search(response.headers.get("Content-Disposition", ""))
    if match is None:
        raise ServiceUnreachable(f"{transport.url} answers, but not as a Trainyard service does")
    return match[1]
