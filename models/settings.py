"""Every setting of the service, read from `TRAINYARD_…` environment variables. `docs/settings.md` explains each one."""

from __future__ import annotations

from functools import cached_property, lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from tempfile import gettempdir
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from models.addresses import web_address
from models.fingerprints import short_digest
from models.oidc_settings import OidcSettings

# A unix socket path longer than this does not fit into sockaddr_un on Linux (108 bytes) or macOS (104).
_LONGEST_SOCKET_PATH = 100


class Settings(OidcSettings):
    """One object for API, worker and launcher; the defaults are the embedded service on loopback."""

    model_config = SettingsConfigDict(env_prefix="TRAINYARD_", frozen=True, extra="ignore")

    data_dir: Path = Field(
        Path(".trainyard"), description="Folder of the embedded database, broker, artifacts and key."
    )
    database_url: SecretStr | None = Field(None, description="SQLAlchemy URL; default: SQLite in the data folder.")
    broker_url: SecretStr | None = Field(None, description="Redis URL; default: the embedded broker's unix socket.")
    artifacts_url: SecretStr | None = Field(
        None, description="Where datasets and checkpoints live: a folder or s3://bucket; default: the data folder."
    )
    cache_dir: Path | None = Field(
        None, description="Folder of what this machine has of an object store; default: in the data folder."
    )
    cache_bytes: int = Field(64 << 30, gt=0, description="Bytes that this machine keeps of an object store.")
    downloads: Literal["stream", "redirect"] = Field(
        "stream", description="Whether the API sends files of an object store itself or says where they are."
    )

    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the API listens on; 0 picks a free one.")
    allowed_hosts: str = Field("localhost,127.0.0.1,[::1],testserver", description="Accepted Host headers, by comma.")
    readiness_seconds: float = Field(2.0, gt=0, description="Time by which `/readyz` answers, whatever hangs.")
    max_body_bytes: int = Field(1 << 20, gt=0, description="Longest JSON body.")
    body_seconds: float = Field(30.0, gt=0, description="Longest time that a body may take, or an upload stand still.")
    max_predict_bytes: int = Field(16 << 20, gt=0, description="Longest body of rows to predict.")
    predict_seconds: float = Field(30.0, gt=0, description="Longest time that a prediction may take.")
    dry_run_seconds: float = Field(60.0, gt=0, description="Longest time that a dry run of a step may take.")
    max_upload_bytes: int = Field(256 << 30, gt=0, description="Largest dataset.")

    requests_per_minute: int = Field(
        120_000, gt=0, description="Requests that a key may make in a minute, per process."
    )
    wrong_keys_per_minute: int = Field(
        6000, gt=0, description="Wrong keys that an address may try in a minute, per process."
    )
    max_queued_jobs: int | None = Field(None, gt=0, description="Jobs of a project that may wait; default: any number.")
    max_running_jobs: int | None = Field(
        None, gt=0, description="Jobs of a project that may train at the same time; default: any number."
    )
    max_project_bytes: int | None = Field(
        None, gt=0, description="Bytes of datasets that a project may keep; default: any number."
    )
    max_gpu_seconds: int | None = Field(
        None, gt=0, description="Seconds of GPU that a project may use in a calendar month; default: any number."
    )

    audit_days: int = Field(365, ge=30, description="Days that lines of the audit log are kept.")

    pool: str = Field("default", pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="The pool a worker serves.")
    slots: int = Field(1, ge=1, le=64, description="Jobs that one worker trains at the same time.")
    heartbeat_seconds: float = Field(10.0, gt=0, description="Time between two heartbeats of a running attempt.")
    lease_seconds: float = Field(60.0, gt=0, description="Silence after which an attempt is taken for lost.")
    reaper_seconds: float = Field(10.0, gt=0, description="Time between two looks for lost attempts.")
    doorbell_seconds: float = Field(10.0, gt=0, description="Time between two looks for jobs whose doorbell was lost.")
    drain_seconds: float = Field(25.0, gt=0, description="Time a stopping worker gives its jobs to write a checkpoint.")
    stop_grace_seconds: float = Field(30.0, gt=0, description="Time between asking a trainer to stop and killing it.")
    watchdog_seconds: float = Field(300.0, gt=0, description="Longest time without a step before a job counts as hung.")
    gpu_faults: int = Field(
        2, ge=1, description="Attempts in a row that a GPU may fail before its slot takes no job any more."
    )
    gpu_probe_seconds: float = Field(
        60.0, gt=0, description="Time until the GPU of such a slot is tried; each time that it fails doubles it."
    )
    offline_seconds: float = Field(
        300.0, gt=0, description="Time without a database after which an attempt stops itself."
    )

    webhook_allowed_networks: str = Field(
        "none", description="Networks, by comma, that webhooks may reach although they are not public: 10.0.0.0/8."
    )
    webhook_retry_seconds: str = Field(
        "5,30,300,1800,7200,18000,28800,36000",
        description="Seconds, by comma, between the attempts to deliver an event to a webhook.",
    )

    dataset_urls: str = Field(
        "none",
        description="Whence datasets may be imported by URL, by comma: `public` for any public address, and networks.",
    )

    tracking_destinations: str = Field(
        "none", description="Trackers that jobs may speak to, by comma: addresses, and `sqlite` for local databases."
    )

    otlp_endpoint: str | None = Field(
        None, description="Collector that spans are sent to, by OTLP over HTTP; default: as `OTEL_…` variables say."
    )
    log_format: Literal["text", "json"] = Field("text", description="How the processes write their logs.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe line that is logged."
    )

    @field_validator("otlp_endpoint")
    @classmethod
    def _is_an_address(cls, endpoint: str | None) -> str | None:
        return None if endpoint is None else web_address(endpoint)

    @field_validator("log_format", mode="before")
    @classmethod
    def _know_the_old_name(cls, word: object) -> object:
        return "text" if word == "console" else word

    @model_validator(mode="after")
    def _leases_outlive_heartbeats(self) -> Self:
        if self.lease_seconds < 2 * self.heartbeat_seconds:
            raise ValueError("lease_seconds must be twice heartbeat_seconds or more, or attempts that live are reaped")
        return self

    @field_validator("tracking_destinations")
    @classmethod
    def _are_addresses(cls, destinations: str) -> str:
        for one in destinations.split(","):
            if one.strip() not in {"", "none", "sqlite"}:
                web_address(one.strip())
        return destinations

    @cached_property
    def database(self) -> str:
        """The SQLAlchemy URL in force."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data_dir / 'trainyard.sqlite3').resolve()}"

    @cached_property
    def broker_socket(self) -> Path:
        """Where the embedded broker listens; a long data folder name falls back to the system's temporary folder."""
        socket = (self.data_dir / "broker.sock").resolve()
        if len(str(socket)) <= _LONGEST_SOCKET_PATH:
            return socket
        return Path(gettempdir()) / f"trainyard-{short_digest(str(socket).encode())}.sock"

    @cached_property
    def broker(self) -> str:
        """The broker URL in force, as Celery and redis-py both read it."""
        if self.broker_url is not None:
            return self.broker_url.get_secret_value()
        return f"redis+socket://{self.broker_socket}?virtual_host=0"

    @cached_property
    def artifacts(self) -> str:
        """The artifact store in force: a folder, or the URL of an object store."""
        if self.artifacts_url is not None:
            return self.artifacts_url.get_secret_value()
        return str((self.data_dir / "artifacts").resolve())

    @cached_property
    def cache(self) -> Path:
        """Where this machine keeps what it has of an object store, and what is on its way there."""
        return (self.cache_dir or self.data_dir / "cache").resolve()

    @cached_property
    def hosts(self) -> list[str]:
        """The Host headers that the API answers to."""
        return [host.strip() for host in self.allowed_hosts.split(",") if host.strip()]

    @cached_property
    def webhook_networks(self) -> list[IPv4Network | IPv6Network]:
        """The networks that webhooks may reach although they are not public. Raises ValueError for what is none."""
        if self.webhook_allowed_networks == "none":
            return []
        return [ip_network(text.strip()) for text in self.webhook_allowed_networks.split(",")]

    @cached_property
    def import_networks(self) -> list[IPv4Network | IPv6Network]:
        """The networks from which datasets may be imported although they are not public. Raises ValueError."""
        words = (text.strip() for text in self.dataset_urls.split(","))
        return [ip_network(word) for word in words if word not in {"none", "public", ""}]

    @cached_property
    def imports_public(self) -> bool:
        """Whether datasets may be imported from public addresses."""
        return "public" in {text.strip() for text in self.dataset_urls.split(",")}

    @cached_property
    def webhook_schedule(self) -> list[float]:
        """The delays between the attempts to deliver an event. Raises ValueError for what is no number."""
        return [float(text) for text in self.webhook_retry_seconds.split(",") if text.strip()]

    @cached_property
    def tracking(self) -> list[str]:
        """The trackers that jobs may speak to."""
        return [one.strip() for one in self.tracking_destinations.split(",") if one.strip() not in {"", "none"}]

    @cached_property
    def is_loopback(self) -> bool:
        """Whether the API listens to this machine alone."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
