"""Trackers: Weights & Biases and MLflow, told of a job from outside of its training.

    database ──portions──> feeder ──frames──> child process ──library──> tracker
                             │ <──the step it knows──

A feeder is a thread of the worker, one per tracker of an attempt. It reads what is committed and hands it to a child
process that alone imports the tracker's library, and that is killed where it hangs. Whatever goes wrong, the child is
started anew and asks the tracker how far it is; the database still has the rest. Nothing waits for a feeder.

This package imports nothing by itself: the child has no use for SQLAlchemy, the worker none for a tracker's library.
"""
