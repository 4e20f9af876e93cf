"""Run by the interpreter that is linked: compiles modules as it would import them.

Reads lines ``name<TAB>path`` from standard input and writes one marshalled dict of name to
bytecode. A file name in angle brackets names no path of the machine, and
keeps a traceback from looking for the source's lines below the working directory.
"""

import marshal
import sys

codes = {}
for line in sys.stdin.read().splitlines():
    name, _, path = line.partition("\t")
    with open(path, "rb") as file:  # noqa: PTH123  pathlib takes longer than some modules
        code = compile(file.read(), f"<{name}>", "exec", dont_inherit=True, optimize=0)
    codes[name] = marshal.dumps(code)
marshal.dump(codes, sys.stdout.buffer)
