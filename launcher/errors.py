"""What can keep the service from starting; every message is a sentence for the person who started it."""


class LauncherError(Exception):
    """Something that the person at the keyboard can mend."""


class NoBroker(LauncherError):
    """There is no Valkey or Redis server on this machine."""


class NotStarted(LauncherError):
    """The service did not get ready; the message says why and where to read more."""


class Occupied(LauncherError):
    """Another launcher runs on this data folder."""


class PortTaken(LauncherError):
    """Something else listens on the port."""
