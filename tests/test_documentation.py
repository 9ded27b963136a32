"""The pages cannot lie: what is written from code is current, what is linked is there, every snippet's file parses."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from api import reference as api_reference
from models.spec import parse
from models.spec import reference as spec_reference

ROOT = Path(__file__).parents[1]
_SPEC = importlib.util.spec_from_file_location("results_page", ROOT / "benchmarks/_results_page.py")
results_page = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(results_page)
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.mark.parametrize(
    ("page", "written"),
    [("docs/spec.md", spec_reference.page), ("docs/api.md", api_reference.page)],
    ids=["spec", "api"],
)
def test_a_page_written_from_the_code_is_current(page: str, written) -> None:
    assert (ROOT / page).read_text() == written(), f"write {page} anew; its first lines say how"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)", page.read_text())
    missing = [link for link in links if not (page.parent / link).exists()]
    assert missing == []


def test_every_spec_in_the_readme_is_valid() -> None:
    text = (ROOT / "README.md").read_text()
    bodies = re.findall(r"\"\$URL/v1/jobs\".*? -d '(.*?)'(?=\)|\n| \|)", text, re.DOTALL)
    assert len(bodies) == 2
    for body in bodies:
        parse(json.loads(body.replace("'\"$DATASET\"'", "ds_019b0000-0000-7000-8000-000000000000")))


def test_the_readme_names_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text()
    assert "./run demo" in text
    assert "./run test" in text


def test_the_page_of_results_shows_what_was_measured() -> None:
    measured = json.loads((ROOT / "docs/results.json").read_text())
    assert measured
    assert (ROOT / "docs/results.md").read_text() == results_page.page(measured)
