"""`python -m launcher up | demo`: the service on one machine, and its demonstration."""

import argparse
import logging
import os
import sys
from pathlib import Path

from pydantic import ValidationError

from launcher.errors import LauncherError
from models.errors import TrainyardError
from models.settings import Settings

EXPECTED = (LauncherError, OSError, TrainyardError)


def main(words: list[str] | None = None) -> int:
    """Run one command and return its exit status; what a person can mend is one sentence, not a traceback."""
    options = _parser().parse_args(words)
    for name in ("host", "port", "data_dir"):
        if (given := getattr(options, name, None)) is not None:
            os.environ[f"TRAINYARD_{name.upper()}"] = str(given)
    try:
        return int(options.command(Settings()))
    except KeyboardInterrupt:
        return 130
    except ValidationError as error:
        for mistake in error.errors():
            print(f"trainyard: TRAINYARD_{str(mistake['loc'][0]).upper()}: {mistake['msg']}", file=sys.stderr)
    except EXPECTED as error:
        print(f"trainyard: {error}", file=sys.stderr)
    return 1


def _up(settings: Settings) -> int:
    from launcher.up import up

    up(settings, say=_say if settings.log_format == "text" else _say_as_json)
    return 0


def _demo(settings: Settings) -> int:
    from launcher.demo import demo

    return demo(settings)


def _say(line: str) -> None:
    print(line, flush=True)


def _say_as_json(line: str) -> None:
    from models.logbook import JsonLines

    _say(JsonLines().format(logging.makeLogRecord({"name": "trainyard.launcher", "msg": line, "levelname": "INFO"})))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m launcher", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="up | demo")
    for name, command, text in (
        ("up", _up, "run broker, API and one worker until Ctrl-C"),
        ("demo", _demo, "train a network on handwritten digits and show how it goes"),
    ):
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(command=command)
        one.add_argument("--data-dir", type=Path, help="where everything is kept (default: .trainyard)")
        if name == "up":
            one.add_argument("--host", help="address to listen on (default: 127.0.0.1)")
            one.add_argument("--port", type=int, help="port to listen on; 0 picks a free one (default: 8000)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
