"""Runs a command on a terminal of its own: on-terminal.py COLUMNS [--interrupt TEXT] -- COMMAND…

What it writes comes out on stdout as it is. With --interrupt, Ctrl-C is typed once TEXT has been seen. Its exit code is ours.
"""

import fcntl
import os
import pty
import select
import struct
import sys
import termios

columns = int(sys.argv[1])
split = sys.argv.index("--")
interrupt = sys.argv[3].encode() if "--interrupt" in sys.argv[:split] else None
command = sys.argv[split + 1 :]

child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
seen = b""
while True:
    readable, _, _ = select.select([terminal], [], [], 60)
    if not readable:
        break
    try:
        data = os.read(terminal, 65536)
    except OSError:
        break
    if not data:
        break
    seen += data
    if interrupt and interrupt in seen:
        os.write(terminal, b"\x03")
        interrupt = None
sys.stdout.buffer.write(seen)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
