"""`init_from`: weights to begin with, from a checkpoint of an earlier job."""

from __future__ import annotations

from pydantic import Field

from models.spec.base import Section


class InitFrom(Section):
    """Begin with the weights of a checkpoint instead of random ones. Optimizer, schedule and step begin anew.

    The job must have the same network and read the same columns; a resolved spec names the checkpoint by its id.
    """

    job: str = Field(pattern=r"^job_[0-9a-f-]{36}$", description="Whose checkpoint.")
    checkpoint: str = Field(
        "best",
        pattern=r"^(best|latest|final|[0-9]{1,12}|ckpt_[0-9a-f-]{36})$",
        description="`best`, `latest`, `final`, a step, or the checkpoint's id.",
    )
