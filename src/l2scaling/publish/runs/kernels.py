"""Kernels by fork: a run's kernel begins as a copy of the process that runs it, imports included.

No specification of a kernel is looked up, so it is always this interpreter.
"""

import contextlib
import math
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from queue import Empty
from typing import Any

import threadpoolctl
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from l2scaling.publish.runs import private

NAME = "book-kernel"
"""How a kernel is called in a list of processes."""


class Kernel:
    """A forked process that becomes a kernel when it is told of its connection file.

    It is forked beforehand, while there is no thread and no event loop to inherit. Its methods are
    those of ``Popen`` that jupyter_client calls.
    """

    stdin = stdout = stderr = None

    def __init__(self, folder: Path) -> None:
        reading, self._writing = os.pipe()
        self.returncode: int | None = None
        parent = os.getpid()
        self.pid = os.fork()
        if self.pid == 0:
            private.settle(NAME, parent)
            os.close(self._writing)
            try:
                _serve(reading, folder)
            except BaseException:
                traceback.print_exc()  # into the run's log
            os._exit(1)
        os.close(reading)

    def begin(self, connection_file: str) -> None:
        """Tell the process where its connection file lies."""
        os.write(self._writing, os.fsencode(connection_file))
        self.close()

    def close(self) -> None:
        """Let a process that was told nothing end."""
        if self._writing >= 0:
            os.close(self._writing)
        self._writing = -1

    def poll(self) -> int | None:
        if self.returncode is None:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if done else None
        return self.returncode

    def wait(self) -> int | None:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


class _Provisioner(LocalProvisioner):
    """Take the kernel that stands ready instead of starting a program."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        manager: Any = self.parent
        self.process, self.pid = manager.kernel, manager.kernel.pid
        manager.kernel.begin(manager.connection_file)
        return self.connection_info


class Client(AsyncKernelClient):
    """A client that begins as soon as the kernel is heard on the channel of results."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        """Wait for the kernel's first words.

        To listen until nothing more comes takes longer than many a run's cells. Raises
        ``RuntimeError`` if it dies before, or says nothing within ``timeout`` seconds.
        """
        end = time.monotonic() + (timeout or math.inf)
        while time.monotonic() < end:
            self.kernel_info()  # again and again, since what is said before the channel stands is lost
            with contextlib.suppress(Empty):
                await self.get_shell_msg(timeout=1)
                await self.get_iopub_msg(timeout=1)
                return
            if not await self.is_alive():
                raise RuntimeError("the kernel died before its first cell")
        raise RuntimeError(f"the kernel said nothing within {timeout:g} s")


def manager(kernel: Kernel) -> type[AsyncKernelManager]:
    """Return the class of a manager whose one kernel is this."""

    class Manager(AsyncKernelManager):
        kernel_spec = KernelSpec(**get_kernel_dict())
        client_factory = Client

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.kernel = kernel
            self.provisioner = _Provisioner(
                kernel_id=str(kernel.pid), kernel_spec=self.kernel_spec, parent=self
            )

    return Manager


def threads_used(folder: Path) -> str | None:
    """Return how many threads the libraries of a run's kernel used at most, None if it ran no cell."""
    path = folder / "threads"
    return path.read_text() if path.is_file() else None


class QuietApp(IPKernelApp):
    """A kernel that reads no configuration, neither the user's nor the machine's."""

    def load_config_file(self, *arguments: Any, **options: Any) -> None:
        pass


def _serve(reading: int, folder: Path) -> None:
    connection_file = os.fsdecode(os.read(reading, 4096))
    os.close(reading)
    if not connection_file:
        os._exit(0)
    os.dup2(2, 1)  # what is no cell's output goes to the log
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(folder)
    if "numpy" in sys.modules:  # or all runs would go on from one state of the generator nobody seeded
        sys.modules["numpy"].random.seed()
    app: Any = QuietApp.instance(connection_file=connection_file, parent_handle=os.getppid())
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # nobody debugs a run; it takes longest to load
    app.initialize([])
    del sys.modules["debugpy"]
    loaded = 0

    def note_threads(*_: object) -> None:
        nonlocal loaded
        if loaded < (loaded := len(sys.modules)):
            counts = [one["num_threads"] for one in threadpoolctl.threadpool_info()]
            if "torch" in sys.modules:
                counts.append(sys.modules["torch"].get_num_threads())
            (folder / "threads").write_text(str(max(counts, default=int(os.environ["OMP_NUM_THREADS"]))))

    app.shell.events.register("post_run_cell", note_threads)
    app.start()
