"""Declaring and uploading a small table."""

import hashlib
from typing import Any

import httpx2

from tests.fixtures.waiting import wait_for

ROWS = b"a,b,label\n" + b"".join(b"%d,%d,%s\n" % (n % 7, n % 5, b"yes" if n % 7 > 3 else b"no") for n in range(200))
DIGEST = hashlib.sha256(ROWS).hexdigest()


def declare(client: httpx2.Client, content: bytes = ROWS, **fields: Any) -> str:
    declaration = {"name": "rows", "format": "csv", "bytes": len(content), **fields}
    answer = client.post("/v1/datasets", json=declaration)
    assert answer.status_code == 201, answer.text
    return f"/v1/datasets/{answer.json()['id']}"


def profiled(client: httpx2.Client, path: str) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        dataset: dict[str, Any] = client.get(path).json()
        return dataset if dataset["status"] in {"ready", "invalid"} else None

    found = wait_for(over, "the profile", timeout_seconds=60)
    assert found is not None
    return found


def upload(client: httpx2.Client, content: bytes = ROWS, **fields: Any) -> str:
    path = declare(client, content, **fields)
    assert client.put(f"{path}/content", content=content).status_code == 202
    assert profiled(client, path)["status"] == "ready"
    return path
