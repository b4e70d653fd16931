"""The words of other people's files: which keys mean what, found in public files of these families."""

from __future__ import annotations

import re
from typing import Final

DEPENDENCIES: Final = (
    "blocked_by", "blockedBy", "blocked-by", "depends_on", "dependsOn", "depends-on", "depends", "dependencies",
    "needs", "requires", "required", "after", "prerequisites", "prerequisite", "prerequisite_phases", "predecessors",
    "predecessor", "waits_for", "wait_for", "upstream", "follows", "deps", "precondition_tasks", "blocked_on",
)  # fmt: skip
REVERSE: Final = (
    "blocks",
    "unblocks",
    "releases",
    "before",
    "gates_for",
    "successors",
    "downstream",
    "enables",
)
ORDERED: Final = (
    "phases",
    "waves",
    "stages",
    "milestones",
    "sprints",
    "iterations_plan",
    "sequence",
    "levels",
)
GROUPS: Final = (
    "pipelines", "tracks", "enablers", "streams", "workstreams", "lanes", "features", "epics", "parallel_tracks",
    "stories", "teams", "clusters",
)  # fmt: skip
SINGLE_GROUPS: Final = ("pipeline", "track")
TASKS: Final = (
    "tasks",
    "agents",
    "steps",
    "work_items",
    "workItems",
    "subtasks",
    "jobs",
    "items",
    "actions",
    "cards",
)
SINGLE_TASKS: Final = ("task",)
CONTAINERS: Final = (*ORDERED, *GROUPS, *SINGLE_GROUPS, *TASKS, *SINGLE_TASKS)
WRAPPERS: Final = ("workflow", "orchestration", "plan", "execution_plan", "project")
TITLES: Final = ("title", "name", "label", "summary", "what", "action")
PROMPTS: Final = (
    "prompt", "task_description", "description", "details", "instructions", "objective", "goal", "question", "purpose",
)  # fmt: skip
LISTS: Final = (
    "acceptance_criteria", "acceptanceCriteria", "deliverables", "exit_criteria", "success_criteria", "validation_scope",
    "validation_criteria", "research_questions", "frameworks", "tools", "checklist",
)  # fmt: skip
REASONS: Final = ("rationale", "reason", "why")
OUTPUTS: Final = (
    "artifact", "artifacts", "artifact_path", "artifact_paths", "output", "outputs", "output_artifact", "output_file",
    "output_files", "output_path", "deliverable", "deliverables", "produces", "creates", "critique_path",
)  # fmt: skip
INPUTS: Final = ("inputs", "input", "input_artifacts", "input_files", "reads")
AGENTS: Final = (
    "agent",
    "agent_type",
    "agentType",
    "subagent_type",
    "worker",
    "assignee",
    "assigned_to",
    "agent_spec",
    "agentHint",
)
THRESHOLDS: Final = (
    "threshold", "quality_threshold", "passing_score", "target_score", "quality_target", "min_score", "minimum_score",
    "pass_threshold", "qualityThreshold", "target_threshold",
)  # fmt: skip
ITERATIONS: Final = (
    "max_iterations", "maxIterations", "max_critique_iterations", "max_critic_iterations", "max_feedback_iterations",
    "max_tournament_iterations", "max_cycles",
)  # fmt: skip
FAILURES: Final = (
    "failure_action",
    "on_failure",
    "on_fail",
    "on_exhausted",
    "escalation_policy",
    "escalation",
)
CRITICS: Final = (
    "critic",
    "critic_agent",
    "critics",
    "reviewers",
    "reviewer",
    "evaluator",
    "evaluators",
    "agent",
    "validator",
    "type",
    "mechanism",
)
CRITERIA: Final = ("criteria", "evaluation_criteria", "scoring_dimensions", "dimensions", "rubric", "weights")
CONDITIONS: Final = (
    "conditions",
    "gate_conditions",
    "condition",
    "exit_criteria",
    "pass_condition",
    "criteria",
    "acceptance_criteria",
)
GATES: Final = ("quality_gates", "gates", "qualityGates", "approval_gates")
OWN_GATES: Final = (
    "quality_gate",
    "gate",
    "exit_gate",
    "qualityGate",
    "critique_cycle",
    "adversarial_review",
    "adversarial_cycle",
)
BARRIERS: Final = ("barriers", "sync_barriers", "sync_points", "barrier")
JUDGED: Final = (
    "of",
    "after_phase",
    "phase",
    "enabler",
    "enablers",
    "task",
    "tasks",
    "track",
    "tracks",
    "phases",
    "pipeline",
    "applies_to",
    "scope",
    "for",
    "agents",
    "prerequisites",
)
CROSS: Final = ("cross_pollination", "handoffs", "crossPollination", "cross_pollinations")
MODES: Final = ("execution_mode", "mode", "execution", "executionMode", "internal_mode")
PARENTS: Final = ("phase", "track", "pipeline", "enabler", "wave", "stage", "parent", "stream", "lane")
PARALLEL: Final = (
    "max_concurrent_agents",
    "max_parallel",
    "max_concurrent",
    "maxConcurrent",
    "parallelism",
    "max_parallel_agents",
)

FINISHED: Final = frozenset(
    {
        "complete",
        "completed",
        "done",
        "finished",
        "passed",
        "pass",
        "approved",
        "closed",
        "resolved",
        "success",
        "succeeded",
        "verified",
        "merged",
    }
)
NOT_MEANT: Final = frozenset(
    {
        "cancelled",
        "canceled",
        "deferred",
        "deprecated",
        "skipped",
        "wontfix",
        "obsolete",
        "superseded",
        "abandoned",
    }
)
RECORDS: Final = frozenset({
    "status", "state", "score", "scores", "metrics", "checkpoints", "checkpoint", "execution_log", "history", "resumption",
    "next_actions", "blockers", "issues", "log", "progress", "progress_percent", "current_phase", "current_group",
    "started_at", "completed_at", "updated_at", "created_at", "updatedAt", "createdAt", "created", "updated", "last_updated",
    "result", "results", "verdict", "findings", "iterations", "iteration", "current_iteration", "evaluated_at", "notes",
    "lastModified", "metadata", "completion", "timeline", "events", "triggered_at", "current_score", "quality_score",
    "critique_artifacts", "last_critique_path", "changes", "validation_results", "completedAt", "startedAt", "total_phases",
    "quality_scores", "feedback_loops", "commit", "date", "completed", "ended_at", "finished_at", "total_effort_hours",
})  # fmt: skip
_RECORD: Final = re.compile(
    r"(current|last|actual|completed|started|updated|created|unblocked|triggered|approved|revision|rework|reval\w+)_\w+"
    r"|\w+_(at|status|score|scores|achieved|percent|log|history|complete|count|total|snapshot|available)"
)


def is_record(key: str) -> bool:
    """Whether a key of that name holds what happened, not what is planned."""
    return key in RECORDS or _RECORD.fullmatch(key) is not None
