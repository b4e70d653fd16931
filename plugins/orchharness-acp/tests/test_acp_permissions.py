"""What is answered when an agent asks for permission, and what a denied one does to the act."""

import pytest
from orchharness_acp.permissions import answer, rules_of

OPTIONS = [
    {"optionId": "always", "kind": "allow_always"},
    {"optionId": "once", "kind": "allow_once"},
    {"optionId": "no", "kind": "reject_once"},
]


def decided(call, permissions=None, options=OPTIONS, roots=("/project", "/act")):
    return answer(rules_of({} if permissions is None else permissions), call, options, roots)


def test_a_denied_permission_makes_the_act_fail_and_names_what_would_allow_it(acts):
    found = acts.run({"prompt": [{"ask": {"toolCallId": "1", "title": "rm -rf /", "kind": "execute"}}]})

    assert not found.ok
    assert found.answer == "[id-reject_once]"
    assert found.detail == (
        "the agent was denied 'rm -rf /' (execute): tools of this kind are not allowed; `permissions: {execute: allow}` in the agent's "
        "options would allow it"
    )


def test_what_the_plan_allows_is_allowed_once(acts):
    found = acts.run(
        {"prompt": [{"ask": {"toolCallId": "1", "title": "make", "kind": "execute"}}]},
        permissions={"execute": "allow"},
    )

    assert found.ok
    assert found.answer == "[id-allow_once]"


def test_a_question_is_understood_with_what_was_told_of_its_tool_before(acts):
    call = {"toolCallId": "7", "title": "Edit a.md", "kind": "edit", "locations": [{"path": "a.md"}]}
    found = acts.run({"prompt": [{"tool": call}, {"ask": {"toolCallId": "7"}}]})

    assert found.ok
    assert found.answer == "[id-allow_once]"


@pytest.mark.parametrize(
    ("call", "denied"),
    [
        ({"kind": "edit", "locations": [{"path": "/project/a/b.md"}]}, ""),
        ({"kind": "edit", "content": [{"type": "diff", "path": "b.md"}]}, ""),
        ({"kind": "read", "rawInput": {"file_path": "/act/inputs/doc"}}, ""),
        ({"kind": "think"}, ""),
        ({"kind": "edit", "locations": [{"path": "/project/../etc/passwd"}]}, "outside"),
        ({"kind": "edit", "locations": [{"path": "/projector/a"}]}, "outside"),
        ({"kind": "edit", "locations": [{"path": "/project/a"}], "rawInput": {"path": "/etc/x"}}, "outside"),
        ({"kind": "edit", "locations": [{"path": "a\0b"}]}, "outside"),
        ({"kind": "edit"}, "names no path"),
        ({"kind": "delete", "locations": [{"path": "/project/a"}]}, "not allowed"),
        ({"kind": "fetch"}, "not allowed"),
        ({"kind": "launch"}, "(other)"),
        ({"kind": ["edit"], "locations": 3, "content": [1], "rawInput": []}, "(other)"),
        ({}, "'a tool' (other)"),
    ],
)
def test_by_default_reading_and_editing_in_the_working_folder_are_allowed_and_nothing_else(call, denied):
    found = decided(call)

    assert (found.option, bool(found.denied)) == (("no", True) if denied else ("once", False))
    assert denied in found.denied


def test_a_link_out_of_the_working_folder_is_outside(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    (work / "out").symlink_to(tmp_path)
    found = decided({"kind": "edit", "locations": [{"path": "out/a"}]}, roots=(str(work),))

    assert "is outside of the working folder" in found.denied


def test_one_word_is_for_all_kinds():
    assert decided({"kind": "delete"}, "allow").option == "once"
    assert decided({"kind": "read", "locations": [{"path": "/project/a"}]}, "deny").option == "no"


def test_kinds_that_are_not_named_keep_their_default():
    rules = rules_of({"execute": "allow"})

    assert (rules["execute"], rules["edit"], rules["delete"]) == ("allow", "workspace", "deny")


@pytest.mark.parametrize(
    ("options", "allowed", "refused"),
    [
        ([{"optionId": "a", "kind": "allow_always"}], "a", None),
        ([{"optionId": "n", "kind": "reject_always"}], None, "n"),
        ([{"optionId": 3, "kind": "allow_once"}, "x", {}], None, None),
    ],
)
def test_where_the_agent_offers_no_fitting_choice_the_question_is_cancelled(options, allowed, refused):
    yes, no = decided({}, "allow", options), decided({}, "deny", options)

    assert (yes.option, no.option) == (allowed, refused)
    assert bool(yes.denied) is (allowed is None)
    assert no.denied
