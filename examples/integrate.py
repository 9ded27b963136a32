"""Wire Trainyard into another service: submit, hear of the end by a signed webhook, fetch the weights, predict.

    export TRAINYARD_WEBHOOK_ALLOWED_NETWORKS=127.0.0.0/8   # for the service: this receiver is on loopback
    python examples/integrate.py http://127.0.0.1:8000 "$(cat .trainyard/admin.key)"

Needs `httpx2` and `standardwebhooks`, and nothing of Trainyard.
"""

import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import uuid4

import httpx2
from standardwebhooks import Webhook

url, key = sys.argv[1:]
service = httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=70)
heard: list[dict] = []
has_ended = threading.Event()


class Receiver(BaseHTTPRequestHandler):
    """Takes events that are signed with our secret, and no others."""

    def do_POST(self) -> None:
        """Verify an event and keep it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        heard.append(Webhook(hook["secret"]).verify(body, dict(self.headers.items())))  # raises unless it is genuine
        self.send_response(204)
        self.end_headers()
        if heard[-1]["type"] in {"job.succeeded", "job.failed", "job.cancelled"}:
            has_ended.set()


receiver = HTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
hook = service.post("/v1/webhooks", json={"url": f"http://127.0.0.1:{receiver.server_port}/"}).raise_for_status().json()

spec = {"data": {"dataset": "iris"}, "training": {"epochs": 10}, "labels": {"from": "integrate.py"}}
job = service.post("/v1/jobs", json=spec, headers={"Idempotency-Key": f'"{uuid4()}"'}).raise_for_status().json()
path = f"/v1/jobs/{job['id']}"

while job["status"] not in {"succeeded", "failed", "cancelled"}:  # a long-poll: answered when something changes
    answer = service.get(path, headers={"If-None-Match": job["etag"], "Prefer": "wait=30"})
    job = answer.json() if answer.status_code == 200 else job
print(job["status"], job["result"]["test"])

if not has_ended.wait(30):
    sys.exit("the webhook did not arrive")
print("heard", [event["type"] for event in heard])

weights = service.get(f"{path}/checkpoints/best/files/weights.safetensors").raise_for_status().content
print("weights", len(weights), "bytes")

row = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
print(service.post(f"{path}/predict", json={"rows": [row]}).raise_for_status().json()["predictions"])

service.delete(f"/v1/webhooks/{hook['id']}").raise_for_status()
receiver.shutdown()
