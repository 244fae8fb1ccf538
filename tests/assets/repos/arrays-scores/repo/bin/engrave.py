#!/usr/bin/env python3
"""engrave.py SCORE OUT : turn the notes of a score into a sheet."""
import pathlib
import sys

score, out = map(pathlib.Path, sys.argv[1:3])
lines = [line.split(",") for line in score.read_text().splitlines() if line]
out.write_text("\n".join(f"{bar:>4} {note}" for bar, note in lines) + "\n")
