"""A scene to draw: two tracks, one at work and one that waits."""

from __future__ import annotations

from orchharness.live.outlook import Left
from orchharness.live.scene import Lane, Row, Scene

LANES = (
    Lane(
        track="track_a",
        rows=(
            Row(
                name="EN-027",
                state="running",
                iteration=2,
                seconds=252,
                score="0.827 of 0.90",
                said="Writing agents/reviewer.md",
            ),
            Row(name="G-028/ps-critic", state="judging", iteration=1, seconds=12),
        ),
    ),
    Lane(track="track_b", waiting=5, waits=(("EN-030", "G-029 (refining)"), ("EN-031", "EN-030 (waiting)"))),
)


def scene(*lanes: Lane, plan: str = "demo", notes: tuple[str, ...] = ()) -> Scene:
    return Scene(
        plan=plan,
        run="R",
        state="running",
        seconds=754,
        passed=6,
        troubled=1,
        items=17,
        agents=2,
        limit=3,
        usd=1.2,
        tokens=340000,
        usd_limit=20.0,
        left=Left(seconds=2880.0),
        notes=notes,
        lanes=lanes,
    )
