"""Sessions that are gone on with by another process: what was said before is not the answer now."""

import pytest

TURNS = {"loads": True, "prompts": [[{"say": "the old answer"}], [{"say": "the new answer"}]]}


def test_a_session_is_loaded_by_the_next_act(acts):
    first = acts.run(TURNS)
    second = acts.run(session=first.session)

    assert second.ok
    assert (second.answer, second.session, second.detail) == ("the new answer", first.session, "")


@pytest.mark.parametrize("late", [0.05, 0.3])
def test_what_is_replayed_after_loading_was_answered_is_no_part_of_the_answer(acts, late):
    first = acts.run({**TURNS, "late": late})
    second = acts.run(session=first.session)

    assert second.answer == "the new answer"


def test_a_session_that_replays_nothing_is_not_waited_for_long(acts):
    first = acts.run(TURNS)
    (acts.folder / "sessions.json").write_text(f'{{"{first.session}": []}}')
    second = acts.run(session=first.session, call_timeout=60)  # longer than an act is waited for here

    assert second.ok


def test_an_agent_that_loads_no_sessions_gets_a_new_one(acts):
    first = acts.run({"prompt": [{"say": "done"}]})
    second = acts.run(session=first.session)

    assert second.ok
    assert second.session != first.session
    assert second.detail == "the agent loads no sessions: a new one was begun"


def test_a_session_that_is_not_known_any_more_is_begun_anew(acts):
    found = acts.run(TURNS, session="gone")

    assert found.ok
    assert (found.answer, found.session != "gone") == ("the old answer", True)
    assert found.detail == "'session/load' failed: Resource not found: a new session was begun"


def test_an_agent_that_does_not_answer_loading_is_ended_and_the_call_is_named(acts):
    found = acts.run({**TURNS, "load": "hang"}, session="s", call_timeout=0.5)

    assert found.detail == "the agent did not answer 'session/load' within 0.5 s"
    assert acts.left() == []


def test_a_limit_that_loading_meets_is_told_and_no_new_session_is_begun(acts):
    found = acts.run(
        {**TURNS, "load": {"error": {"code": 429, "message": "slow down, retry after 3"}}}, session="s"
    )

    assert (found.ok, found.trouble, found.retry_after) == (False, "limited", 3)


def test_the_cost_of_a_session_before_is_known_from_its_acts_when_the_agent_does_not_tell_it(acts):
    first = acts.run(
        {"loads": True, "prompts": [[{"say": "a"}, {"cost": 0.5}], [{"say": "b"}, {"cost": 0.75}]]}
    )
    second = acts.run(session=first.session)

    assert (first.usage, second.usage) == ({"usd": 0.5}, {"usd": 0.25})


def test_an_agent_that_counts_by_the_process_has_its_cost_counted_so(acts):
    script = {"loads": True, "name": "claude-agent", "prompt": [{"say": "a"}, {"cost": 0.5}]}
    first = acts.run(script)
    second = acts.run(session=first.session)

    assert (first.usage, second.usage) == ({"usd": 0.5}, {"usd": 0.5})


def test_the_cost_of_a_session_before_is_not_counted_again(acts):
    script = {"loads": True, "cost": 0.5, "prompt": [{"say": "done"}, {"cost": 0.75}]}
    first = acts.run(script)
    second = acts.run(session=first.session)

    assert first.usage == {"usd": 0.75}
    assert second.usage == {"usd": 0.25}
