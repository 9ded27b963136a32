"""A job as TensorBoard reads it: an event file that is made from the database whenever somebody asks for one.

The file is no second record of the run but a view of the first: what a resumed job took back is not in it, every step
is in it once, and a worker writes nothing for it. `records` knows the container, `protobuf` the encoding, `events`
what TensorBoard calls things, `view` the job.
"""

from models.tensorboard.view import event_file, file_name

__all__ = ["event_file", "file_name"]
