"""Where the address and the key come from."""

from __future__ import annotations

import pytest

from trainyard import Client, ConfigurationError


def key_of(client: Client) -> str | None:
    header = client._transport._http.headers.get("Authorization")
    return None if header is None else header.removeprefix("Bearer ")


@pytest.fixture(autouse=True)
def an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_address_is_given_or_in_the_environment_or_this_machines(monkeypatch):
    assert Client().base_url == "http://127.0.0.1:8000"
    monkeypatch.setenv("TRAINYARD_URL", "https://gpu.example.org/yard/")
    assert Client().base_url == "https://gpu.example.org/yard"
    assert Client("http://other:1").base_url == "http://other:1"


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://host", "http://", "http://[::1", "nonsense"])
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ConfigurationError, match="is not an address"):
        Client(url)


def test_the_key_is_given_or_in_the_environment(monkeypatch):
    assert key_of(Client()) is None
    monkeypatch.setenv("TRAINYARD_API_KEY", "ty_from_environment")
    assert key_of(Client()) == "ty_from_environment"
    assert key_of(Client(api_key="ty_a_given")) == "ty_a_given"


def test_the_admin_key_of_this_machines_service_is_found(an_empty_folder, monkeypatch):
    (an_empty_folder / ".trainyard").mkdir()
    (an_empty_folder / ".trainyard" / "admin.key").write_text("ty_admin_key\n")
    assert key_of(Client()) == "ty_admin_key"
    assert key_of(Client("http://localhost:9000")) == "ty_admin_key"
    assert key_of(Client("http://[::1]:9000")) == "ty_admin_key"
    monkeypatch.setenv("TRAINYARD_DATA_DIR", str(an_empty_folder / "elsewhere"))
    assert key_of(Client()) is None


@pytest.mark.parametrize("url", ["http://example.org", "http://192.168.0.7:8000", "http://127.0.0.1.example.org"])
def test_the_admin_key_of_this_machine_never_travels_to_another(an_empty_folder, url):
    (an_empty_folder / ".trainyard").mkdir()
    (an_empty_folder / ".trainyard" / "admin.key").write_text("ty_admin_key\n")
    assert key_of(Client(url)) is None


@pytest.mark.parametrize("key", ["ty_schlüssel", "ty_a\nHost: other"])
def test_a_key_that_no_header_can_carry_is_refused(key):
    with pytest.raises(ConfigurationError, match="copied whole"):
        Client(api_key=key)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(api, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with Client(api.url, api.key, max_retries=0) as client:
        assert client.version.version


def test_a_client_is_shown_with_its_address_and_without_its_key():
    assert repr(Client("http://other:1", "ty_secret")) == "<Client http://other:1>"
