"""A child that never outlives its parent.

The parent keeps the write end of the child's standard input open and never writes to it. When the
parent ends, by whatever death, the kernel closes that end and the child reads end-of-file. That
needs no polling and no feature of one system, and it holds for `kill -9`.

`python -m infra.local.leash MODULE [ARGUMENT ...]` runs a module that knows nothing of this: at
end-of-file the process gets SIGTERM, as if the parent had asked it to stop.
"""

import os
import runpy
import signal
import sys
import threading
from collections.abc import Callable

STOP_GRACE_S = 15.0


def exit_unless_stopped(grace_s: float = STOP_GRACE_S) -> None:
    """End this process after `grace_s` seconds, in case its orderly stop hangs."""
    timer = threading.Timer(grace_s, os._exit, args=(1,))
    timer.daemon = True
    timer.start()


def hold(on_parent_gone: Callable[[], None]) -> None:
    """Call `on_parent_gone` in a thread when the parent has ended. Takes over standard input."""

    def wait_for_end_of_file() -> None:
        while os.read(0, 4096):
            pass
        on_parent_gone()

    threading.Thread(target=wait_for_end_of_file, name="leash", daemon=True).start()


def terminate_self() -> None:
    """Stop as at SIGTERM, and by force when that takes too long."""
    exit_unless_stopped()
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the module named on the command line, on the leash."""
    if len(sys.argv) < 2:
        raise SystemExit("usage: python -m infra.local.leash MODULE [ARGUMENT ...]")
    hold(terminate_self)
    module = sys.argv[1]
    del sys.argv[0]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
