"""The plans of the chaos tests: small, quick, and with everything that must survive."""

from __future__ import annotations

# Refinement (the first iteration of `draft` fails), a retry (`flaky`), an edge between tracks that carries an
# artifact (CP-1), and checks.
FULL = """
limits: {{parallel: 2}}
defaults: {{retry: {{attempts: 6}}}}
critics: {{judge: {{run: [sh, judge.sh], criteria: {{quality: 1}}, retry: {{attempts: 6}}}}}}
tracks:
  left:
    tasks:
      draft: {{run: [sh, agent.sh, "{0}", draft.txt], outputs: {{text: draft.txt}}, gate: {{id: G-DRAFT, critics: [judge]}}}}
      print: {{needs: [draft], run: [sh, agent.sh, "{1}", print.txt], outputs: {{text: print.txt}}}}
  right:
    tasks:
      flaky: {{run: [sh, agent.sh, "{2}", flaky.txt, fails], outputs: {{text: flaky.txt}}}}
      merge:
        needs: [flaky]
        run: [sh, agent.sh, "{3}", merge.txt]
        outputs: {{text: merge.txt}}
        gate: {{id: G-MERGE, checks: [{{file: {{path: merge.txt, contains: draft 2}}}}]}}
cross_pollination:
  CP-1: {{from: draft, to: merge, artifacts: [text]}}
"""
# Independent tasks and one that gathers what they made, in a workspace of the run's own.
WIDE = """
workspace: {{copy: given}}
limits: {{parallel: 3}}
defaults: {{retry: {{attempts: 6}}}}
tasks:
  a: {{run: [sh, "{{{{ plan_dir }}}}/agent.sh", "{0}", a.txt], outputs: {{text: a.txt}}}}
  b: {{run: [sh, "{{{{ plan_dir }}}}/agent.sh", "{1}", b.txt, fails], outputs: {{text: b.txt}}}}
  c: {{run: [sh, "{{{{ plan_dir }}}}/agent.sh", "{2}", c.txt], outputs: {{text: c.txt}}}}
  d: {{run: [sh, "{{{{ plan_dir }}}}/agent.sh", "{3}", d.txt], outputs: {{text: d.txt}}}}
  all: {{inputs: {{text: [a.text, b.text, c.text, d.text]}}, run: [sh, "{{{{ plan_dir }}}}/agent.sh", "0.01", all.txt], outputs: {{text: all.txt}}}}
"""
# One after the other, each reading what the ones before it made.
CHAIN = """
limits: {{parallel: 2}}
defaults: {{retry: {{attempts: 6}}}}
tasks:
  one: {{run: [sh, agent.sh, "{0}", one.txt], outputs: {{text: one.txt}}}}
  two: {{inputs: {{text: one.text}}, run: [sh, agent.sh, "{1}", two.txt], outputs: {{text: two.txt}}}}
  three: {{inputs: {{text: two.text}}, run: [sh, agent.sh, "{2}", three.txt, fails], outputs: {{text: three.txt}}}}
  four: {{inputs: {{text: [one.text, three.text]}}, run: [sh, agent.sh, "{3}", four.txt], outputs: {{text: four.txt}}}}
"""
SHAPES = {"full": FULL, "wide": WIDE, "chain": CHAIN}


def plan_of(shape: str, seconds: tuple[str, str, str, str] = ("0.02", "0.01", "0.01", "0.03")) -> str:
    """The plan's text; `seconds` are what its acts take."""
    return SHAPES[shape].format(*seconds)
