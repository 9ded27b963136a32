"""Everything that is done to a whole running service, in one file, so that however tests are spread over processes they
share one service. What is done stands in the modules.
"""

from tests.reliability.broker_outages import (
    patient_rig,
    test_a_job_trains_on_at_its_pace_without_a_broker,
    test_a_job_trains_on_at_its_pace_without_a_broker_for_minutes,
    test_no_job_is_lost_doubled_or_late,
    test_of_five_hundred_jobs_none_is_lost_doubled_or_late,
)
from tests.reliability.database_outages import (
    test_nothing_is_lost_reaped_or_slowed,
    test_nothing_is_lost_reaped_or_slowed_in_minutes,
)
from tests.reliability.kills import (
    test_every_job_finishes_with_the_same_bits,
    test_two_hundred_of_two_hundred_jobs_finish_with_the_same_bits,
    undisturbed,
)
from tests.reliability.orders import (
    test_a_cancellation_arrives_within_a_second,
    test_a_job_that_is_paused_and_resumed_ends_with_the_same_bits,
    test_nobody_is_reaped_when_the_clock_steps_by_a_day_and_back,
    test_nobody_is_reaped_who_lives,
    test_twenty_cancellations_arrive_within_a_second,
    test_what_is_cancelled_before_it_starts_never_runs,
    test_without_a_broker_a_cancellation_arrives_with_the_next_heartbeat,
)

__all__ = [
    "patient_rig",
    "test_a_cancellation_arrives_within_a_second",
    "test_a_job_that_is_paused_and_resumed_ends_with_the_same_bits",
    "test_a_job_trains_on_at_its_pace_without_a_broker",
    "test_a_job_trains_on_at_its_pace_without_a_broker_for_minutes",
    "test_every_job_finishes_with_the_same_bits",
    "test_no_job_is_lost_doubled_or_late",
    "test_nobody_is_reaped_when_the_clock_steps_by_a_day_and_back",
    "test_nobody_is_reaped_who_lives",
    "test_nothing_is_lost_reaped_or_slowed",
    "test_nothing_is_lost_reaped_or_slowed_in_minutes",
    "test_of_five_hundred_jobs_none_is_lost_doubled_or_late",
    "test_twenty_cancellations_arrive_within_a_second",
    "test_two_hundred_of_two_hundred_jobs_finish_with_the_same_bits",
    "test_what_is_cancelled_before_it_starts_never_runs",
    "test_without_a_broker_a_cancellation_arrives_with_the_next_heartbeat",
    "undisturbed",
]
