"""What the dashboard's files are served with, and what must not stand in them."""

import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from api.dashboard import mount, static

SCRIPTS = sorted((static.HERE / "assets" / "js").rglob("*.js"))
STYLES = sorted((static.HERE / "assets" / "css").glob("*.css"))
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()
    mount(app)
    with TestClient(app) as opened:
        yield opened


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/assets/js/main.js", "text/javascript; charset=utf-8"),
        ("/assets/css/tokens.css", "text/css; charset=utf-8"),
        ("/assets/favicon.svg", "image/svg+xml"),
        ("/assets/vendor/plex/sans.woff2", "font/woff2"),
        ("/assets/vendor/manifest.json", "application/json"),
    ],
)
def test_every_file_comes_with_its_type_and_the_strict_policy(client: TestClient, path: str, media_type: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_file_the_browser_already_holds_is_answered_by_304(client: TestClient) -> None:
    first = client.get("/assets/js/main.js")
    again = client.get("/assets/js/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/assets/../static.py",
        "/assets/%2e%2e/static.py",
        "/assets/..%2fstatic.py",
        "/assets//etc/passwd",
        "/assets/",
        "/assets/js",
        "/assets/nothing.js",
        "/static.py",
        "/index.html",
    ],
)
def test_nothing_but_the_page_and_its_assets_is_served(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_the_page_is_only_read(client: TestClient) -> None:
    assert client.head("/").status_code == 200
    assert client.post("/").status_code == 405
    assert client.post("/assets/js/main.js").status_code == 405


def test_the_page_holds_no_inline_script_or_style_and_no_foreign_address() -> None:
    page = (static.HERE / "index.html").read_text()
    assert re.findall(r"<script(?![^>]*\bsrc=)", page) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", page) == []
    assert re.findall(r"(?:src|href)=\"(?!assets/)", page) == []


def test_no_module_can_turn_text_into_markup_or_code_or_keep_the_key_beyond_the_tab() -> None:
    forbidden = re.compile(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function|localStorage|document\.cookie",
        re.IGNORECASE,
    )
    assert [path.name for path in SCRIPTS if forbidden.search(path.read_text())] == []


def test_every_import_is_relative_and_leads_to_a_file() -> None:
    imports = [
        (path, name) for path in SCRIPTS for name in re.findall(r'(?:\bfrom|\bimport)\s*\(?"([^"]+)"', path.read_text())
    ]
    assert len(imports) > len(SCRIPTS)
    assert [(path.name, name) for path, name in imports if not (path.parent / name).is_file()] == []


def test_every_module_is_short_and_says_what_it_is_for() -> None:
    assert [path.name for path in SCRIPTS if len(path.read_text().splitlines()) > 150] == []
    assert [path.name for path in SCRIPTS if "/**" not in path.read_text()] == []


def test_every_style_sheet_is_linked_and_every_link_is_there() -> None:
    linked = set(re.findall(r'href="(assets/css/[^"]+)"', (static.HERE / "index.html").read_text()))
    assert linked == {path.relative_to(static.HERE).as_posix() for path in STYLES}


def colours(theme: str) -> dict[str, float]:
    """Relative luminance of each colour that a theme defines."""
    rules = (static.HERE / "assets" / "css" / "tokens.css").read_text()
    light, dark = rules.split("@media (prefers-color-scheme: dark)")
    return {
        name: luminance(value)
        for name, value in re.findall(r"--([\w-]+): #(\w{6});", dark if theme == "dark" else light)
    }


def luminance(colour: str) -> float:
    """Relative luminance by WCAG 2.2, of a colour such as `1c211f`."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "ground", "least"),
    [
        ("ink", "paper", 7.0),
        ("muted", "paper", 4.5),
        ("muted", "well", 4.5),
        ("muted", "sheet", 4.5),
        ("accent", "paper", 4.5),
        ("accent", "accent-wash", 4.5),
        ("accent", "well", 4.5),
        ("on-accent", "accent", 4.5),
        ("bad", "paper", 4.5),
        ("bad", "bad-wash", 4.5),
        ("paper", "bad", 4.5),
        ("caution", "caution-wash", 4.5),
        ("edge", "paper", 3.0),
        ("edge", "sheet", 3.0),
    ],
)
def test_every_pair_of_colours_has_the_contrast_that_wcag_asks(
    theme: str, text: str, ground: str, least: float
) -> None:
    palette = colours(theme)
    darker, lighter = sorted((palette[text], palette[ground]))
    assert (lighter + 0.05) / (darker + 0.05) >= least
