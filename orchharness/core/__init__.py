"""The pure core: no clock, files, randomness, processes, pytest or pluggy; standard library only."""
