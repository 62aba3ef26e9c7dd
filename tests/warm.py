"""Processes that start at once: forks of one that has imported what takes long.

A fork is a process of its own, as `python COMMAND` is: with its own folder, environment, output, signals and
exit code. hrpro is not among what is imported before, for it is the tested project's own, which may be an
edited copy; of the workflow's own modules `digest` alone is (warm_digests.py).
"""

import atexit
import gc
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from importlib import import_module
from pathlib import Path


class Warm:
    """A process that has imported modules and waits for commands; it ends when this one does.

    It reads a line of JSON per request and answers with one: {"start": what `run` takes} with the new
    process's number, {"wait": number, "options": of os.wait4} with its exit code and its processor time,
    children included, or with null while it runs.
    """

    def __init__(self, *modules: str):
        self.process = subprocess.Popen(
            [sys.executable, __file__, *modules], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        atexit.register(self.process.communicate)  # its processor time counts as this one's children's

    def start(self, *command, cwd=None, environment: dict | None = None) -> "Process":
        """Start `python COMMAND`; environment: what is added to this process's."""
        return Process(
            self, list(map(str, command)), str(cwd or Path.cwd()), os.environ | (environment or {})
        )

    def run(self, *command, **options) -> subprocess.CompletedProcess:
        """Run `python COMMAND` to its end; stdout and stderr are text, `seconds` is processor time."""
        process = self.start(*command, **options)
        texts = process.communicate()
        result = subprocess.CompletedProcess(process.command, process.returncode, *texts)
        result.seconds = process.seconds
        return result

    def ask(self, **request):
        """The answer to a request."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Process:
    """A running fork, with what is needed of subprocess.Popen."""

    def __init__(self, warm: Warm, command: list[str], cwd: str, environment: dict):
        self.warm, self.command = warm, command
        self.outputs = [tempfile.NamedTemporaryFile() for _ in range(2)]  # noqa: SIM115
        self.returncode, self.seconds = None, None
        paths = [file.name for file in self.outputs]
        self.pid = warm.ask(
            start={"command": command, "cwd": cwd, "environment": environment, "outputs": paths}
        )

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        return self.wait(os.WNOHANG)

    def wait(self, options: int = 0) -> int | None:
        """Wait for its end; its exit code, -N after signal N."""
        if self.returncode is None:
            ended = self.warm.ask(wait=self.pid, options=options)
            if ended is not None:
                self.returncode, self.seconds = ended
        return self.returncode

    def communicate(self) -> tuple[str, str]:
        """Wait for its end; what it has written to stdout and stderr."""
        self.wait()
        texts = [Path(file.name).read_text() for file in self.outputs]
        for file in self.outputs:
            file.close()
        return tuple(texts)

    def send_signal(self, sign: signal.Signals) -> None:
        """Send a signal to it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, sign)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def serve(modules: list[str]) -> None:
    """Import modules and answer requests, until the end of stdin."""
    for module in modules:
        import_module(module)
    if "snakemake.cli" in modules:
        sys.modules["snakemake.cli"].get_argument_parser()  # imports its plugins
    gc.freeze()  # a fork that collected garbage would copy all of it
    for line in sys.stdin:
        request = json.loads(line)
        if "start" in request:
            answer = os.fork()
            if answer == 0:
                end(exit_code(run, **request["start"]))
        else:
            number, status, usage = os.wait4(request["wait"], request["options"])
            ended = os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime
            answer = ended if number else None
        print(json.dumps(answer), flush=True)


def run(command: list[str], cwd: str, environment: dict[str, str], outputs: list[str]) -> None:
    """Be `python COMMAND` in a folder and an environment, stdout and stderr in files."""
    for number, path in enumerate([os.devnull, *outputs]):
        file = os.open(path, os.O_WRONLY if number else os.O_RDONLY)
        os.dup2(file, number)
        os.close(file)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    if command[0] == "-m":
        sys.argv = command[1:]
        sys.path[0] = cwd
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        sys.path[0] = str(Path(command[0]).absolute().parent)
        runpy.run_path(command[0], run_name="__main__")


def exit_code(function, *arguments, **options) -> int:
    """Call a function as the interpreter calls a script; -> the exit code. What it raises goes to stderr."""
    try:
        function(*arguments, **options)
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    return 0


def end(code: int) -> None:
    """End this process as the interpreter does, but leave its memory to the system: to free it takes long."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1:])
