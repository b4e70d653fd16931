import pytest

from orchharness.core.acts import Evaluation
from orchharness.errors import OrchError

ANSWER = '{"criteria": {"clarity": {"score": 0.5}}}'
EVALUATION = Evaluation(criteria={"clarity": {"score": 0.5}})


def test_what_the_command_prints_is_the_evaluation(judgements, capfd):
    evaluation = judgements.ask("command", argv=("sh", "-c", f"echo thinking >&2; echo '{ANSWER}'"))

    assert evaluation == EVALUATION
    assert capfd.readouterr() == ("", "thinking\n")


def test_the_result_file_comes_before_stdout_unless_it_is_empty(judgements):
    env = {"ORCH_RESULT": str(judgements.folder / "answer.json")}
    script = f"""echo talk; echo '{ANSWER}' >"$ORCH_RESULT" """

    assert judgements.ask("command", argv=(script,), shell=True, env=env) == EVALUATION
    script = f"""echo >"$ORCH_RESULT"; echo '{ANSWER}'"""
    assert judgements.ask("command", argv=(script,), shell=True, env=env) == EVALUATION


def test_it_works_in_its_directory_with_its_environment(judgements):
    (judgements.workspace / "artifact").write_text(ANSWER)

    assert judgements.ask("command", argv=("sh", "-c", 'cat "$WHAT"'), env={"WHAT": "artifact"}) == EVALUATION


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("sh", "-c", f"echo '{ANSWER}'; exit 3"), "critic 'c': its command ended with exit 3"),
        (("sh", "-c", "kill -9 $$"), "critic 'c': its command ended with killed by SIGKILL"),
        (
            ("true",),
            "the critic did not answer with an evaluation: Expecting value: line 1 column 1 (char 0); it wrote nothing",
        ),
        (("no-such-judge",), "command not found: 'no-such-judge'"),
        (("./artifact",), "command is not executable: './artifact'"),
        ((), "there is no command to execute"),
        (("sh", "-c", "head -c 5000000 /dev/zero"), "the critic's answer is larger than 4 MiB"),
    ],
)
def test_a_command_that_does_not_judge_is_an_error(judgements, argv, message):
    (judgements.workspace / "artifact").write_text("")
    with pytest.raises(OrchError) as caught:
        judgements.ask("command", argv=argv)

    assert str(caught.value) == message


def test_a_directory_that_is_not_there_is_said(judgements):
    with pytest.raises(OrchError, match="the working directory '/gone' does not exist"):
        judgements.ask("command", argv=("true",), cwd="/gone")
