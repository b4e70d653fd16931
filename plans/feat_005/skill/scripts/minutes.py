#!/usr/bin/env python3
"""Turn the transcript of a meeting into draft minutes in Markdown or JSON.

The draft is mechanical: who spoke, what sounds like a decision, what sounds like an action. The
agents of this skill read it together with the transcript and make minutes of it.
"""

import argparse
import json
import re
import sys
from pathlib import Path

__version__ = "1.2.0"

LINE = re.compile(r"^(?:\[(?P<time>\d{1,2}:\d{2}(?::\d{2})?)\]\s*)?(?P<who>[A-Z][\w .'-]{0,40}):\s+(?P<what>.+)$")
DECISION = re.compile(r"\b(?:we (?:agreed|decided)|agreed|decided|let's go with|we will go with)\b", re.I)
ACTION = re.compile(r"\b(?:I'll|I will|action:|can you|will (?:send|write|check|call|book|prepare))\b", re.I)
DUE = re.compile(r"\bby ((?:next )?(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|tomorrow|\d{1,2} \w+)", re.I)


def read_transcript(text):
    """The turns of a transcript: dicts with time, who and what; a line without a name continues one."""
    turns = []
    for line in text.splitlines():
        found = LINE.match(line.strip())
        if found:
            turns.append(found.groupdict())
        elif line.strip() and turns:
            turns[-1]["what"] += " " + line.strip()
    return turns


def draft(turns, title, date):
    """The minutes as a dict: title, date, present, decisions, actions."""
    actions = []
    for turn in turns:
        if ACTION.search(turn["what"]):
            due = DUE.search(turn["what"])
            actions.append({"who": turn["who"], "what": turn["what"], "due": due[1] if due else None})
    return {
        "title": title,
        "date": date,
        "present": list(dict.fromkeys(turn["who"] for turn in turns)),
        "decisions": [turn["what"] for turn in turns if DECISION.search(turn["what"])],
        "actions": actions,
    }


def as_markdown(minutes):
    """The minutes as Markdown, in the order of references/minutes-format.md."""
    lines = [f"# {minutes['title']}", "", f"Date: {minutes['date']}", ""]
    lines += ["## Present", "", *(f"- {who}" for who in minutes["present"]), ""]
    lines += ["## Decisions", "", *(f"- {what}" for what in minutes["decisions"] or ["none"]), ""]
    lines += ["## Actions", "", "| who | what | due |", "|---|---|---|"]
    lines += [f"| {a['who']} | {a['what']} | {a['due'] or 'open'} |" for a in minutes["actions"]]
    return "\n".join(lines) + "\n"


def build_parser():
    parser = argparse.ArgumentParser(description="Turn the transcript of a meeting into draft minutes.")
    parser.add_argument("transcript", help="text file with one `Name: words` line per turn, or - for stdin")
    parser.add_argument("--output", help="file to write; default: standard output")
    parser.add_argument("--title", default="Minutes", help="title of the minutes (default: Minutes)")
    parser.add_argument("--date", default="unknown", help="date of the meeting (default: unknown)")
    parser.add_argument("--json", action="store_true", help="write JSON instead of Markdown")
    parser.add_argument("--version", action="version", version=__version__)
    return parser


def main(argv=None):
    args = build_parser().parse_args(argv)
    try:
        text = sys.stdin.read() if args.transcript == "-" else Path(args.transcript).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        print(f"minutes: cannot read {args.transcript}: {error}", file=sys.stderr)
        return 1
    turns = read_transcript(text)
    if not turns:
        print(f"minutes: no `Name: words` line in {args.transcript}", file=sys.stderr)
        return 1
    minutes = draft(turns, args.title, args.date)
    out = json.dumps(minutes, indent=2) + "\n" if args.json else as_markdown(minutes)
    if args.output:
        Path(args.output).write_text(out, "utf-8")
    else:
        sys.stdout.write(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
