"""Contestants that take turns: only one works at any moment, and a slow minute of the machine meets all alike."""

import json
import subprocess
import sys


class Served:
    """A program that says one JSON line about itself and then answers every line with another."""

    def __init__(self, command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.about = json.loads(self.read())

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"peer ended early: {' '.join(self.process.args)}")
        return line

    def ask(self, line="round"):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return json.loads(self.read())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def take_turns(contestants, rounds, before=lambda: None):
    """`round(number)` of each, in an order that turns, so that nobody always follows the same neighbour; then `close()`."""
    try:
        for number in range(rounds):
            before()
            turn = number % len(contestants)
            for c in contestants[turn:] + contestants[:turn]:
                c.round(number)
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    finally:
        for c in contestants:
            c.close()
