"""Randomness depends on where training is, and on nothing else."""

import torch

from tests.worker.training.material import CPU
from worker.training.randomness import ORDER, STEP, mixed, permutation, seed_initialization, seed_step


def test_an_order_is_a_function_of_seed_and_epoch():
    first = permutation(50, seed=1, epoch=3, device=CPU)
    torch.rand(100)
    assert torch.equal(first, permutation(50, seed=1, epoch=3, device=CPU))
    assert not torch.equal(first, permutation(50, seed=1, epoch=4, device=CPU))
    assert not torch.equal(first, permutation(50, seed=2, epoch=3, device=CPU))


def test_an_order_holds_every_row_once():
    assert sorted(permutation(50, seed=1, epoch=3, device=CPU).tolist()) == list(range(50))


def drawn_in(step, *, seed=5):
    seed_step(seed, step, CPU)
    return torch.rand(8)


def test_what_a_step_draws_is_a_function_of_seed_and_step():
    first = drawn_in(9)
    drawn_in(10)
    assert torch.equal(first, drawn_in(9))
    assert not torch.equal(first, drawn_in(10))
    assert not torch.equal(first, drawn_in(9, seed=6))


def test_initial_weights_are_a_function_of_the_seed():
    seed_initialization(3)
    first = torch.rand(4)
    seed_initialization(3)
    assert torch.equal(first, torch.rand(4))


def test_seeds_of_streams_and_neighbours_do_not_meet():
    seeds = {
        mixed(seed, stream, counter)
        for seed in (0, 1, 42, 2**53 - 1)
        for stream in (ORDER, STEP)
        for counter in range(1000)
    }
    assert len(seeds) == 4 * 2 * 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
