"""`trainyard predict`: every way to hand rows over, and both ways to print what comes back."""

from __future__ import annotations

import json

import pytest

from client.tests.test_predictions import answering
from trainyard.cli.session import ExitCode


@pytest.fixture
def job(submit, claim):
    submitted = submit()
    claim().checkpoint(8, {"weights.safetensors": b"w"})
    return submitted


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("new.csv", "\ufeffx,y\n1,a\n2,\n", [{"x": "1", "y": "a"}, {"x": "2", "y": ""}]),
        ("new.tsv", "x\ty\n1\ta,b\n", [{"x": "1", "y": "a,b"}]),
        ("new.jsonl", '{"x": 1}\n\n{"x": null, "t": [1]}\n', [{"x": 1}, {"x": None, "t": [1]}]),
        ("one.png", "PNG", [{"image": "UE5H"}]),
        ("letter.txt", "{Dear} all,\nbye", [{"text": "{Dear} all,\nbye"}]),
    ],
)
def test_rows_are_read_from_every_kind_of_file(run, api, pool, job, tmp_path, name, content, rows):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with answering(api, pool) as heard:
        ran = run("predict", job.id, path, "--json", "--checkpoint", "latest", "--top", "2")
    assert ran.code == ExitCode.SUCCESS, ran.err
    assert heard == [{"rows": rows, "num_probabilities": 2}]
    assert len(ran.documents) == len(rows)


def test_standard_input_and_several_files_are_rows_of_one_answer(run, api, pool, job, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"x": 1}')
    with answering(api, pool):
        ran = run("predict", job.id, "-", str(tmp_path / "a.jsonl"), "--json", stdin='{"x": 2}\n{"x": 3}\n')
    assert [document["value"] for document in ran.documents] == [4, 6, 2]


def test_a_person_gets_a_table_and_what_was_unusual_beside_it(run, api, pool, job, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"x": number or None}) for number in range(60)))
    with answering(api, pool):
        ran = run("predict", job.id, path)
    assert ran.out.splitlines()[0].split() == ["row", "prediction", "probabilities"]
    assert ran.out.splitlines()[2].split() == ["2", "2"]
    assert len(ran.out.splitlines()) == 51
    assert "10 more" in ran.err
    assert "missing: x (1)" in ran.err


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("bad.jsonl", '{"x": 1}\n{"x"\n', "line 2: this is no JSON"),
        ("list.jsonl", '{"x": 1}\n[1]\n', "line 2: a row is a JSON object"),
        ("bytes.csv", b"\xff\xfe\x00", "neither text nor an image"),
    ],
)
def test_a_file_that_holds_no_rows_is_named(run, job, tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    ran = run("predict", job.id, path)
    assert ran.code == ExitCode.BAD_INPUT
    assert words in ran.err


def test_a_file_that_is_not_there_is_bad_input(run, job):
    assert run("predict", job.id, "nowhere.csv").code == ExitCode.BAD_INPUT
