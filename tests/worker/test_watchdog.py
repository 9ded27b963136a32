"""Patience with a silent trainer: generous before the first step and outside training, measured in steps within it."""

from worker.watchdog import QUIET_FACTOR, STEPS_OF_PATIENCE, Watchdog


def test_before_the_first_step_it_waits_long():
    watchdog = Watchdog(patience_seconds=10, now=100)
    watchdog.saw_phase(is_training=True, now=105)
    assert watchdog.deadline == 105 + QUIET_FACTOR * 10


def test_while_stepping_every_new_step_moves_the_deadline():
    watchdog = Watchdog(patience_seconds=10, now=0)
    watchdog.saw_step(1, now=1)
    watchdog.saw_step(2, now=1.1)
    assert watchdog.deadline == 1.1 + 10


def test_the_same_step_again_is_no_progress():
    watchdog = Watchdog(patience_seconds=10, now=0)
    watchdog.saw_step(7, now=1)
    watchdog.saw_step(7, now=9)
    assert watchdog.deadline == 1 + 10


def test_long_steps_are_given_their_time():
    watchdog = Watchdog(patience_seconds=10, now=0)
    for step in range(1, 5):
        watchdog.saw_step(step, now=60.0 * step)
    assert watchdog.step_seconds == 60
    assert watchdog.deadline == 240 + STEPS_OF_PATIENCE * 60


def test_one_slow_step_does_not_spoil_the_median():
    watchdog = Watchdog(patience_seconds=1, now=0)
    for step in range(1, 11):
        watchdog.saw_step(step, now=0.1 * step)
    watchdog.saw_step(11, now=500)
    assert watchdog.step_seconds is not None
    assert watchdog.step_seconds < 0.11


def test_testing_and_saving_are_given_longer_than_a_step():
    watchdog = Watchdog(patience_seconds=10, now=0)
    watchdog.saw_step(1, now=1)
    watchdog.saw_phase(is_training=False, now=2)
    assert watchdog.deadline == 2 + QUIET_FACTOR * 10


def test_back_in_training_steps_count_again():
    watchdog = Watchdog(patience_seconds=10, now=0)
    watchdog.saw_step(1, now=1)
    watchdog.saw_phase(is_training=False, now=2)
    watchdog.saw_phase(is_training=True, now=3)
    assert watchdog.deadline == 3 + 10


def test_other_signs_of_life_move_the_deadline_too():
    watchdog = Watchdog(patience_seconds=10, now=0)
    watchdog.saw_step(1, now=1)
    watchdog.saw_sign(now=8)
    assert watchdog.deadline == 8 + 10


def test_a_run_that_resumes_behind_its_first_step_gives_no_negative_time():
    watchdog = Watchdog(patience_seconds=10, now=0)
    watchdog.saw_step(100, now=1)
    watchdog.saw_step(50, now=2)
    assert watchdog.step_seconds is None
