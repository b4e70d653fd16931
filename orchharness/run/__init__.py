"""Running a plan: the run directory, preparing acts, executing them, and the one writer that drives it all."""
