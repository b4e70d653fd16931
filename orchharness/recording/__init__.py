"""Recordings: what agents were asked and what they left, kept beside the plan, and replayed without any agent.

Rules that hold here:
  * A recording is written by the orchestrator's process alone, one folder per plan, one small file per act.
  * A replayed act is an ordinary process that puts the recorded bytes where the agent had put them. Evidence, gates,
    refinement, journal and report do not know the difference, and the agent's plugin is not called.
  * What is asked and what was recorded are compared in full. What differs is a miss: an error with the difference.
  * Everything in a recording is data: paths are held below their folders, digests are checked before it is used.
"""

from __future__ import annotations

from orchharness.recording.folder import RecordingFolder, recording_of
from orchharness.recording.recorder import Recorder
from orchharness.recording.replayer import Replayer
from orchharness.recording.which import has_models

__all__ = ["Recorder", "RecordingFolder", "Replayer", "has_models", "recording_of"]
