import json
import time
from dataclasses import dataclass

import orchharness_example
import pytest
from orchharness_example.options import Fill, WordList
from pydantic import ValidationError

from orchharness import CriticRequest, Finished, PluginHost, SpawnRequest


@pytest.fixture
def host():
    return PluginHost.load([orchharness_example], entry_points=False)


@dataclass
class TaskFinished:
    task: str = "EN-027"
    outcome: str = "success"
    seconds: float = 1.25


def test_fill_answers_with_its_text_and_the_prompt(host, tmp_path):
    request = SpawnRequest(
        key="5" * 32,
        act="greet.i1.a1",
        kind="fill",
        folder=str(tmp_path),
        cwd=str(tmp_path),
        prompt="Hello.",
        options={"text": "You said: {prompt}", "seconds": 0},
    )
    handle = host.spawn(request)
    while not isinstance(result := host.poll(handle), Finished):
        time.sleep(0.01)

    assert result.ok
    assert result.answer == "You said: Hello.\n"
    assert host.cancel(handle)


def test_wordlist_scores_by_the_share_of_clean_artifacts_and_names_each_word(host, tmp_path):
    (tmp_path / "a.md").write_text("this is obviously so")
    (tmp_path / "b.md").write_text("this is so")
    request = CriticRequest(
        key="6" * 32,
        act="G-greet.i1.tone.a1",
        gate="G-greet",
        critic="tone",
        kind="wordlist",
        iteration=1,
        folder=str(tmp_path),
        cwd=str(tmp_path),
        workspace=str(tmp_path),
        criteria=("tone",),
        artifacts={"greet.a": (str(tmp_path / "a.md"),), "greet.b": (str(tmp_path / "b.md"),)},
        options={"forbid": ["obviously", "simply"]},
    )

    evaluation = host.critic(request)

    assert json.loads(json.dumps(dict(evaluation.criteria))) == {
        "tone": {"score": 0.5, "why": "1 forbidden words"}
    }
    assert [(f["task"], f["what"]) for f in evaluation.findings] == [("greet", "greet.a says 'obviously'")]


def test_the_watcher_logs_a_line_per_finished_task_and_nothing_else(host, tmp_path, monkeypatch):
    monkeypatch.setenv("EXAMPLE_LOG", str(tmp_path / "log"))

    assert host.update(TaskFinished(), None) == []
    assert host.update("something else", None) == []
    assert (tmp_path / "log").read_text() == "EN-027 success 1.2 s\n"


def test_unknown_options_are_refused():
    with pytest.raises(ValidationError, match="txt"):
        Fill.model_validate({"txt": "x"})
    with pytest.raises(ValidationError, match="forbid"):
        WordList.model_validate({"forbid": []})
