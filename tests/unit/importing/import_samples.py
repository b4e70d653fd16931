"""Small files of the families that can be imported, with the same shapes as real ones."""

from __future__ import annotations

SIDE_BY_SIDE = """\
workflow:
  id: tea-20260101-001
  name: "Tea: two pipelines"
  status: ACTIVE
  constraints: {max_concurrent_agents: 2, file_persistence: true}
paths:
  base: "out/{workflow.id}/"
pipelines:
  left:
    short_alias: l
    phases:
      - id: 1
        name: Pick
        status: COMPLETE
        agents:
          - {id: pick-left, name: Picker, status: COMPLETE, artifact: "{base}left/picked.md"}
      - id: 2
        name: Dry
        blocked_by: barrier-1
        agents:
          - {id: dry-left, name: Dryer, status: BLOCKED, artifact: "{base}left/dried.md", inputs: ["{base}left/picked.md", weather]}
  right:
    phases:
      - id: 1
        name: Boil
        agents: [{id: boil-right, status: PENDING, artifact: "/etc/boiled.md"}]
      - id: 2
        name: Pour
        blocked_by: barrier-1
        agents: [{id: pour-right, artifact: "{base}right/poured-{N}.md"}]
barriers:
  - id: barrier-1
    depends_on: [left.phase.1, right.phase.1]
execution_queue:
  groups:
    - {id: 1, execution_mode: PARALLEL, status: COMPLETE, agents: [pick-left, boil-right]}
    - {id: 2, execution_mode: SEQUENTIAL, blocked_by: group-1, agents: [dry-left, pour-right]}
metrics: {agents_total: 4}
"""

GATED = """\
workflow: {id: gated, quality_threshold: 0.92, max_iterations: 3}
phases:
  - id: 0
    name: Research
    execution_mode: SEQUENTIAL
    quality_gate: QG-0
    agents:
      - {id: t-1, name: Look, agent: researcher, effort_hours: 1.5, status: COMPLETE}
      - {id: t-2, name: Note, agent: researcher, status: PENDING, started_at: "2026-02-02", completed_at: "2026-02-01"}
  - id: 1
    name: Write
    blocked_by: QG-0
    agents:
      - {id: t-3, name: Write, agent: writer, deliverables: [docs/text.md]}
quality_gates:
  - id: QG-0
    phase: 0
    status: PASSED
    threshold: 0.92
    score: 0.9
    reviewers: [{agent: ps-critic, score: 0.9}]
    criteria: {completeness: 0.5, accuracy: 0.5}
"""

TASKS = """\
{"master": {"tasks": [
  {"id": 1, "title": "Set up", "description": "Make {{ it }} \\ud83d\\ude00", "priority": "high", "dependencies": [],
   "status": "done", "subtasks": []},
  {"id": 2, "title": "Build", "details": "Carefully.", "dependencies": ["1"], "status": "pending", "complexity": 4,
   "subtasks": [
     {"id": 1, "title": "Model", "details": "m", "dependencies": [], "status": "pending"},
     {"id": 2, "title": "View", "details": "v", "dependencies": [1], "status": "deferred"}]},
  {"id": 3, "title": "Ship", "testStrategy": "By hand.", "dependencies": [2, "2.1"], "status": "pending"}],
  "metadata": {"created": "2026-01-01"}}}
"""

WORKFLOW = """\
name: CI
on: [push]
env: {FORCE: "1"}
jobs:
  build:
    runs-on: ubuntu-latest
    timeout-minutes: 10
    steps:
      - uses: actions/checkout@v4
      - name: Make
        working-directory: src
        env: {TOKEN: "${{ secrets.TOKEN }}"}
        run: |
          make all
          cp out ../dist
      - run: "false"
        continue-on-error: true
  deploy:
    needs: build
    if: github.ref == 'refs/heads/main'
    continue-on-error: true
    steps:
      - run: echo ${{ matrix.os }}
      - uses: acme/publish@v1
"""

LANES = """\
# A decision

Some words, with a list:

* one

```yaml
id: "FEAT-1:DEC-1"
title: "A decision"
```

```yaml
execution:
  phase_0:
    mode: foreground
    tasks: [T-1]
    rationale: "Blocking"
  track_a:
    mode: background
    agents: [E-1, E-2]
  track_b:
    mode: background
    agents: [T-2]
  ps_critic:
    mode: foreground
  orchestrator_protocol:
    spawn: "In the background"
```
"""

ALL = (SIDE_BY_SIDE, GATED, TASKS, WORKFLOW, LANES)
