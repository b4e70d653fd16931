"""What a run does now, seen while it runs: by the pytest session that drives it, and by `orchharness watch`.

Rules that hold here:
  * Only the run's folder is read (its journal, what the session froze, what acts printed): so both show the same, and
    who looks shares nothing with who decides.
  * `scene` is pure; `drawing` alone knows rich; `region` alone writes to a terminal.
  * What agents printed is redacted, cleaned of everything a terminal would act on, and cut.
  * A view that fails ends itself, never the run.
"""
