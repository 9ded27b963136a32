"""Keeps answers of a real service as examples: short, and with no word of its machine or of a secret that is one."""

import re
from collections.abc import Mapping
from typing import Any

import httpx2
import orjson

from tests.api.conformance import Conformance

#: In place of every secret: of the right form, and wrong in its checksum.
KEY_SECRET = "ThisIsAnExampleAndNoSecretSoItOpensNothing0000000"
WEBHOOK_SECRET = "whsec_YW4gZXhhbXBsZSwgYW5kIG5vIHNlY3JldCBvZiBhbnlib2R5"

_KEY = re.compile(r"(ty_[0-9a-f]{32})_[0-9A-Za-z]{49}")
_WEBHOOK = re.compile(r"whsec_[0-9A-Za-z+/=]+")
_LONGEST_LIST = 4
_MOST_LINES = 12
#: Operations whose answers are shown with the whole resolved spec; elsewhere it has the sections that were sent.
_WHOLE = {"create_job"}


class Tape:
    """Answers by operation, status, media type and name. `neutral` says what stands for a name of this machine."""

    def __init__(self, document: dict[str, Any], *, neutral: Mapping[str, str]) -> None:
        self._conformance = Conformance(document)
        self._neutral = neutral
        self._operations: dict[str, dict[str, Any]] = {}
        self._anywhere: dict[str, dict[str, Any]] = {}

    def keep(self, answer: httpx2.Response, name: str, *, is_anywhere: bool = False) -> None:
        """Keep an answer, which must be documented, under a name; `is_anywhere` for a problem of any operation."""
        self._conformance.check(answer)
        media_type = answer.headers["content-type"].partition(";")[0]
        operation = self._conformance.operation(answer.request.method, answer.request.url.path)
        assert operation is not None, answer.request.url
        value = self._shortened(answer.text, media_type, operation["operationId"])
        if is_anywhere:
            self._anywhere.setdefault(str(answer.status_code), {})[name] = value
        else:
            self.put(operation["operationId"], str(answer.status_code), media_type, name, value)

    def keep_sent(self, body: bytes, name: str) -> None:
        """Keep the body of a webhook message."""
        value = self._shortened(body.decode(), "application/json", "job_event")
        self.put("job_event", "request", "application/json", name, value)

    def put(self, operation: str, status: str, media_type: str, name: str, value: Any) -> None:
        """Keep a value as it is."""
        statuses = self._operations.setdefault(operation, {})
        statuses.setdefault(status, {}).setdefault(media_type, {})[name] = value

    def statuses(self, operation: str) -> set[str]:
        """The statuses of which there are answers so far."""
        return set(self._operations.get(operation, {}))

    def written(self) -> bytes:
        """Everything that was kept, as `api/examples.json` holds it."""
        kept = {"anywhere": self._anywhere, "operations": self._operations}
        return orjson.dumps(kept, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    def _shortened(self, text: str, media_type: str, operation: str) -> Any:
        for name, neutral in self._neutral.items():
            text = text.replace(name, neutral)
        text = _WEBHOOK.sub(WEBHOOK_SECRET, _KEY.sub(rf"\1_{KEY_SECRET}", text))
        if media_type.endswith("json"):
            return shortened(orjson.loads(text), is_whole=operation in _WHOLE)
        if media_type == "text/event-stream":
            frames = text.rstrip("\n").split("\n\n")
            few = frames if len(frames) <= _LONGEST_LIST else [*frames[: _LONGEST_LIST - 1], frames[-1]]
            return "".join(f"{frame}\n\n" for frame in few)
        return "".join(text.splitlines(keepends=True)[:_MOST_LINES])


def shortened(value: Any, *, is_whole: bool = False, key: str = "") -> Any:
    """A JSON value with its long lists cut, and of a resolved spec the sections that the spec beside it names."""
    if isinstance(value, list):
        longest = len(value) if key in {"history", "errors"} else 1 if key == "fields" else _LONGEST_LIST
        return [shortened(item, is_whole=is_whole) for item in value[:longest]]
    if not isinstance(value, dict):
        return value
    if "resolved_spec" in value and "spec" in value and not is_whole:
        resolved = {name: value["resolved_spec"][name] for name in value["spec"] if name in value["resolved_spec"]}
        value = {**value, "resolved_spec": resolved}
    return {name: shortened(item, is_whole=is_whole, key=name) for name, item in value.items()}
