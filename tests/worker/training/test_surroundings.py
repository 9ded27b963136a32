"""Settings of torch are for the run alone, and memory that is not there is named."""

import pytest
import torch

from worker.training import OutOfMemory
from worker.training.precision import arithmetic, chosen
from worker.training.surroundings import choose_device, surroundings

CPU = torch.device("cpu")


def settings():
    return (
        torch.get_num_threads(),
        torch.are_deterministic_algorithms_enabled(),
        torch.utils.deterministic.fill_uninitialized_memory,
    )


def test_threads_and_determinism_hold_inside_and_are_put_back():
    before = settings()
    with surroundings(deterministic=True, num_threads=1):
        assert settings() == (1, True, False)
    assert settings() == before


def test_a_run_may_be_fast_rather_than_repeatable():
    with surroundings(deterministic=False, num_threads=None):
        assert not torch.are_deterministic_algorithms_enabled()


def test_settings_are_put_back_after_a_failure():
    before = settings()
    with pytest.raises(KeyError), surroundings(deterministic=True, num_threads=1):
        raise KeyError
    assert settings() == before


def test_the_generator_of_the_caller_is_left_where_it_was():
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    with surroundings(deterministic=True, num_threads=None):
        torch.rand(5)
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    ],
)
def test_memory_that_is_not_there_is_named(error):
    with pytest.raises(OutOfMemory) as caught, surroundings(deterministic=True, num_threads=None):
        raise error
    assert (caught.value.code, caught.value.fault, caught.value.param) == (
        "out_of_memory",
        "user",
        "#/training/batch_size",
    )


def test_an_allocation_that_no_machine_can_hold_is_out_of_memory():
    with pytest.raises(OutOfMemory), surroundings(deterministic=True, num_threads=None):
        torch.empty(1 << 50)


def test_other_errors_keep_their_name():
    with pytest.raises(RuntimeError, match="something else"), surroundings(deterministic=True, num_threads=None):
        raise RuntimeError("something else")


def test_the_cpu_is_taken_when_asked_for():
    assert choose_device("cpu") == CPU
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


def test_the_cpu_computes_in_single_precision_unless_told_otherwise():
    assert (chosen("auto", CPU), chosen("bf16", CPU), chosen("fp32", CPU)) == ("fp32", "bf16", "fp32")


def test_bf16_multiplies_matrices_in_it_again_and_again():
    context = arithmetic("bf16", CPU)
    for _ in range(2):
        with context:
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.bfloat16
    with arithmetic("fp32", CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype is torch.float32
