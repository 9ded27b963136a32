"""`resources` and `retries`: where the job may run, and how often it is tried again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from models.spec.base import Section


class Resources(Section):
    """Which workers may take the job, and on which kind of device."""

    pool: str = Field(
        "default", pattern=r"^[A-Za-z0-9._-]{1,63}$", description="Only workers of this pool take the job."
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto takes a GPU where there is one.")
    images: Literal["auto", "device", "files"] = Field(
        "auto",
        description="Where images of an archive are while they train: decoded once onto the device, or in their files"
        " and decoded batch by batch; auto keeps them on the device where they fit into a share of its free memory.",
    )
    decoders: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = Field(
        "auto", description="Threads that decode images; auto takes as many as the job has cores."
    )


class Retries(Section):
    """How often a failed job is tried again, by whose fault it was."""

    user: Annotated[int, Field(ge=0, le=10)] = Field(
        0, description="Tries after errors of the spec or the data, such as divergence."
    )
    infrastructure: Annotated[int, Field(ge=0, le=100)] = Field(
        10, description="Tries after lost workers and full disks."
    )
