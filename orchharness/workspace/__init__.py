"""Bytes on disk around an act: snapshots, evidence, the store, staged copies. No processes, no journal."""
