"""The command ``l2scaling``: runs go to a process with an environment of its own, all else stays here."""

import locale
import os
import signal
import sys
from pathlib import Path


def _end(number: int, _: object) -> None:
    said = f"l2scaling: ended by {signal.Signals(number).name}; what was good before is untouched\n"
    os.write(2, said.encode())  # which a print that the signal interrupts does not mind
    sys.exit(128 + number)


def main() -> int:
    """Execute the command line; return its status."""
    try:
        Path.cwd()
    except OSError:
        print("l2scaling: the working folder is gone; allowed: one that is there", file=sys.stderr)
        return 2
    here = locale.getencoding().lower().replace("-", "")
    if here != "utf8" and not sys.flags.utf8_mode:  # names, files and streams are in UTF-8
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | {"PYTHONUTF8": "1"})
    for stream in range(3):  # one that is closed would give its number to another file
        try:
            os.fstat(stream)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for number in (signal.SIGTERM, signal.SIGHUP):  # so that what was started is ended, too
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)
    words = sys.argv[1:]
    if words[:1] == ["run"]:
        from l2scaling.publish.runs import warm

        return warm.run(words)
    from l2scaling.publish import cli  # brings what a warm run need not load twice

    return cli.main(words)
