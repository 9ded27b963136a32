"""What every section can do: change in a copy, and be shared."""

import copy

from pydantic import BaseModel

from models.spec.training import Training


def test_a_copy_with_changes_is_what_pydantic_would_make() -> None:
    training = Training.model_validate({"epochs": 6})
    ours, theirs = (
        training.model_copy(update={"batch_size": 32}),
        BaseModel.model_copy(training, update={"batch_size": 32}),
    )
    assert ours == theirs
    assert ours.model_dump() == theirs.model_dump()
    assert ours.model_fields_set == theirs.model_fields_set == {"epochs", "batch_size"}
    assert (training.batch_size, training.model_fields_set) == ("auto", {"epochs"})
    assert training.model_copy() == training
    assert training.model_copy(deep=True) == training


def test_a_section_is_its_own_copy_because_it_never_changes() -> None:
    training = Training()
    assert copy.deepcopy({"training": training})["training"] is training
