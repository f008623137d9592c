"""The Rust side of the comparisons."""

import json
import subprocess
import sys


class Rust:
    """The program that answers with the quantities of the Rust code."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **question):
        print(json.dumps(question), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"the Rust side gave up on: {json.dumps(question)[:200]}")
        return json.loads(line)
