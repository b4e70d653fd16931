"""Copies a folder to another one: `python backup.py FROM TO`."""

import shutil
import sys

if __name__ == "__main__":
    source, target = sys.argv[1:]
    shutil.copytree(source, target, dirs_exist_ok=True)
